#include "app/privileges.h"

#include <cap-ng.h>
#include <fmt/format.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <stdexcept>
#include <system_error>
#include <utility>
#include <vector>

#include "app/log.h"
#include "app/sandbox.h"

namespace lossgazer {
namespace {

std::string error_text() { return std::generic_category().message(errno); }

[[noreturn]] void fail(std::string_view what) {
  throw std::runtime_error(fmt::format("give up privileges: {}: {}", what, error_text()));
}

// Of the calling thread: CAP_NET_RAW as far as asked for, if it is permitted; no other.
void set_capabilities(bool permitted, bool effective) {
  capng_get_caps_process();
  permitted = permitted && capng_have_capability(CAPNG_PERMITTED, CAP_NET_RAW) != 0;
  capng_clear(CAPNG_SELECT_CAPS);
  if (permitted) {
    capng_update(CAPNG_ADD, CAPNG_PERMITTED, CAP_NET_RAW);
    if (effective) capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, CAP_NET_RAW);
  }
  if (capng_apply(CAPNG_SELECT_CAPS) != 0) fail("set this thread's capabilities");
}

// What running another program could give back. Neither can fail in a way that matters: with
// no_new_privs no program is given anything.
void empty_bounds() {
  capng_get_caps_process();
  if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0) {
    capng_clear(CAPNG_SELECT_BOUNDS);
    (void)capng_apply(CAPNG_SELECT_BOUNDS);
  }
  (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

void become(const std::string& user) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(16'384);
  const int error = getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    throw std::runtime_error(fmt::format(
        "become the user {}: {}", user,
        error != 0 ? std::generic_category().message(error) : "there is no such user here"));
  }
  if (geteuid() == entry.pw_uid) return;
  // What is permitted outlives the change; what is effective does not.
  if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) fail("keep capabilities");
  if (initgroups(user.c_str(), entry.pw_gid) != 0 || setgid(entry.pw_gid) != 0 ||
      setuid(entry.pw_uid) != 0) {
    throw std::runtime_error(
        fmt::format("become the user {}: {}; only root can", user, error_text()));
  }
}

// While it lives, this thread may open captures, if it is permitted to at all.
class Raised {
 public:
  Raised() { set_capabilities(true, true); }
  ~Raised() {
    try {
      set_capabilities(true, false);
    } catch (const std::exception&) {  // lowering what one has is always allowed
    }
  }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;
};

}  // namespace

CaptureOpener::CaptureOpener(const std::string& user) {
  empty_bounds();
  if (!user.empty()) become(user);
  set_capabilities(true, false);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("take no new ones");
  if (const auto why = enter_sandbox(Role::kOpener)) log_warning(*why);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "opener");
    run();
  });
  set_capabilities(false, false);
  (void)enter_sandbox(Role::kSetup);
}

CaptureOpener::~CaptureOpener() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

PcapSource CaptureOpener::open(const LiveConfig& config) {
  std::packaged_task<PcapSource()> task([&config] {
    const Raised raised;
    return PcapSource::open_live(config);
  });
  std::future<PcapSource> opened = task.get_future();
  {
    const std::lock_guard lock(mutex_);
    task_ = [&task] { task(); };
  }
  changed_.notify_all();
  return opened.get();
}

void CaptureOpener::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return ended_ || task_; });
    if (ended_) return;
    const std::function<void()> task = std::exchange(task_, nullptr);
    lock.unlock();
    task();
    lock.lock();
  }
}

}  // namespace lossgazer
