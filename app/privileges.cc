#include "app/privileges.h"

#include <cap-ng.h>
#include <fmt/format.h>
#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <iterator>
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

using Capabilities = std::vector<unsigned>;

const Capabilities kOfOpener = {CAP_NET_RAW};
const Capabilities kOfKernelEvents = {CAP_BPF, CAP_PERFMON};

// Of the calling thread: leaves those of `wanted` that are permitted, and no other. Returns them.
Capabilities keep_only(const Capabilities& wanted, bool effective) {
  capng_get_caps_process();
  Capabilities kept;
  std::ranges::copy_if(wanted, std::back_inserter(kept), [](unsigned capability) {
    return capng_have_capability(CAPNG_PERMITTED, capability) != 0;
  });
  capng_clear(CAPNG_SELECT_CAPS);
  for (const unsigned capability : kept) {
    capng_update(CAPNG_ADD, CAPNG_PERMITTED, capability);
    if (effective) capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, capability);
  }
  if (capng_apply(CAPNG_SELECT_CAPS) != 0) fail("set this thread's capabilities");
  return kept;
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
  Raised() { keep_only(kOfOpener, true); }
  ~Raised() {
    try {
      keep_only(kOfOpener, false);
    } catch (const std::exception&) {  // lowering what one has is always allowed
    }
  }
  Raised(const Raised&) = delete;
  Raised& operator=(const Raised&) = delete;
};

}  // namespace

CaptureOpener::CaptureOpener(const std::string& user,
                             const std::function<void()>& begin_kernel_events) {
  empty_bounds();
  if (!user.empty()) become(user);
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("take no new ones");
  if (begin_kernel_events) {
    keep_only({CAP_NET_RAW, CAP_BPF, CAP_PERFMON}, false);
    begin_kernel_events();
  }
  keep_only(kOfOpener, false);
  if (const auto why = enter_sandbox(Role::kOpener)) log_warning(*why);
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "opener");
    run();
  });
  keep_only({}, false);
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

std::vector<PcapSource> CaptureOpener::open(const LiveConfig& config) {
  std::packaged_task<std::vector<PcapSource>()> task([&config] {
    const Raised raised;
    return PcapSource::open_live(config);
  });
  std::future<std::vector<PcapSource>> opened = task.get_future();
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

void hold_kernel_events() {
  const bool permitted = keep_only(kOfKernelEvents, true) == kOfKernelEvents;
  (void)enter_sandbox(Role::kKernelEvents);
  if (permitted) return;
  throw std::runtime_error(
      "it takes the capabilities CAP_BPF and CAP_PERFMON; run it as root, or once 'setcap "
      "cap_net_raw,cap_bpf,cap_perfmon+p $(command -v lossgazer)', or under systemd with both in "
      "AmbientCapabilities=, or in a container with --cap-add BPF --cap-add PERFMON");
}

}  // namespace lossgazer
