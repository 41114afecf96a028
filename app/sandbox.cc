#include "app/sandbox.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <memory>
#include <system_error>

namespace lossgazer {
namespace {

// The leak checker of sanitizer builds stops and reads its own process when that ends.
#ifdef __SANITIZE_ADDRESS__
constexpr bool kLeakChecker = true;
#else
constexpr bool kLeakChecker = false;
#endif

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};

// Refuses what it is told to and allows the rest: a list of what is allowed would have to follow
// every change of the C library's and the sanitizers', and break what it does not know.
class Filter {
 public:
  Filter() : filter_(seccomp_init(SCMP_ACT_ALLOW)) {
    // The kernel's own error numbers, and a search that is short for calls without a rule.
    if (filter_) {
      (void)seccomp_attr_set(filter_.get(), SCMP_FLTATR_API_SYSRAWRC, 1);
      (void)seccomp_attr_set(filter_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);
    }
  }

  // By name: those that this kernel or processor does not have are passed over.
  void refuse(std::initializer_list<const char*> calls) {
    for (const char* name : calls) add(SCMP_ACT_ERRNO(EPERM), name, {});
  }
  void refuse_if(const char* call, std::initializer_list<scmp_arg_cmp> arguments) {
    add(SCMP_ACT_ERRNO(EPERM), call, arguments);
  }
  // So that the C library falls back to an older call, whose arguments can be looked at.
  void hide(const char* call) { add(SCMP_ACT_ERRNO(ENOSYS), call, {}); }

  // The error number; 0 if it holds.
  [[nodiscard]] int load() {
    if (!filter_) return ENOMEM;
    return error_ != 0 ? error_ : -seccomp_load(filter_.get());
  }

 private:
  void add(uint32_t action, const char* call, std::initializer_list<scmp_arg_cmp> arguments) {
    const int number = seccomp_syscall_resolve_name(call);
    if (!filter_ || number == __NR_SCMP_ERROR) return;
    const int status = seccomp_rule_add_array(
        filter_.get(), action, number, static_cast<unsigned>(arguments.size()), arguments.begin());
    if (status < 0 && status != -EDOM) error_ = -status;
  }

  std::unique_ptr<void, Release> filter_;
  int error_ = 0;
};

// The kernel reads an int, and no more: rules must not be passed by what stands above it. So equal
// is asked of these bits, and what is unequal in any bit is refused.
constexpr uint64_t kInt = 0xffff'ffff;

scmp_arg_cmp argument_is_not(unsigned argument, uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_NE, .datum_a = value, .datum_b = 0};
}
scmp_arg_cmp masked_argument_is(unsigned argument, uint64_t mask, uint64_t value) {
  return {.arg = argument, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
}

// `flags`: which argument holds them.
void refuse_to_open_for_writing(Filter& filter, const char* call, unsigned flags) {
  filter.refuse_if(call, {masked_argument_is(flags, O_ACCMODE, O_WRONLY)});
  filter.refuse_if(call, {masked_argument_is(flags, O_ACCMODE, O_RDWR)});
  filter.refuse_if(call, {masked_argument_is(flags, O_CREAT, O_CREAT)});
  filter.refuse_if(call, {masked_argument_is(flags, O_TRUNC, O_TRUNC)});
}

void refuse_to_all(Filter& filter) {
  // No program, no process, nobody else's memory or life.
  filter.refuse({"execve", "execveat", "fork", "vfork", "process_vm_readv", "process_vm_writev",
                 "process_madvise", "pidfd_getfd", "kcmp"});
  filter.hide("clone3");
  if (!kLeakChecker) {
    filter.refuse({"ptrace"});
    filter.refuse_if("clone", {masked_argument_is(0, CLONE_THREAD, 0)});
    filter.refuse({"kill", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"});
    filter.refuse_if("tgkill", {argument_is_not(0, static_cast<uint64_t>(getpid()))});
  }
  // No file is made or changed. A unix socket's is: it is bound at the start, removed at the end.
  filter.hide("openat2");
  filter.refuse({"creat",        "truncate",  "mkdir",
                 "mkdirat",      "mknod",     "mknodat",
                 "rename",       "renameat",  "renameat2",
                 "link",         "linkat",    "symlink",
                 "symlinkat",    "rmdir",     "chown",
                 "fchown",       "fchownat",  "lchown",
                 "setxattr",     "lsetxattr", "fsetxattr",
                 "utime",        "utimes",    "utimensat",
                 "futimesat",    "mq_open",   "mq_unlink",
                 "memfd_create", "swapon",    "swapoff",
                 "acct",         "quotactl",  "open_by_handle_at"});
  refuse_to_open_for_writing(filter, "open", 1);
  refuse_to_open_for_writing(filter, "openat", 2);
  // Nor does it type into the terminal that it was started from.
  filter.refuse_if("ioctl", {masked_argument_is(1, kInt, TIOCSTI)});
  filter.refuse_if("ioctl", {masked_argument_is(1, kInt, TIOCLINUX)});
  // Neither this process's standing nor the machine's state.
  filter.refuse({"setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid",
                 "setfsgid", "setgroups", "setns", "unshare", "chroot", "pivot_root"});
  filter.refuse({"mount", "umount2", "move_mount", "open_tree", "fsopen", "fsmount", "fsconfig",
                 "fspick", "mount_setattr"});
  filter.refuse({"reboot", "kexec_load", "kexec_file_load", "init_module", "finit_module",
                 "delete_module", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex",
                 "sethostname", "setdomainname", "iopl", "ioperm", "personality", "syslog"});
  // What attackers of kernels like, and nothing here uses.
  filter.refuse({"perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
                 "io_uring_register", "add_key", "request_key", "keyctl", "fanotify_init"});
}

void refuse_sockets_but_netlink(Filter& filter) {
  filter.refuse_if("socket", {argument_is_not(0, AF_NETLINK)});
  filter.refuse({"socketpair"});
}
void refuse_to_serve(Filter& filter) { filter.refuse({"listen", "accept", "accept4"}); }
void refuse_to_touch_socket_files(Filter& filter) {
  filter.refuse({"unlink", "unlinkat", "chmod", "fchmod", "fchmodat", "fchmodat2"});
}

void refuse_to(Role role, Filter& filter) {
  refuse_to_all(filter);
  if (role != Role::kKernelEvents) filter.refuse({"bpf"});
  if (role == Role::kOpener) return;
  filter.refuse({"capset"});
  filter.refuse_if("socket", {masked_argument_is(0, kInt, AF_PACKET)});
  switch (role) {
    case Role::kOpener:
    case Role::kSetup:
      return;
    case Role::kMain:
      refuse_sockets_but_netlink(filter);
      refuse_to_serve(filter);
      return filter.refuse({"connect", "chmod", "fchmod", "fchmodat", "fchmodat2"});
    case Role::kClient:
      refuse_to_serve(filter);
      return refuse_to_touch_socket_files(filter);
    case Role::kWeb:
      filter.refuse({"socket", "socketpair", "connect", "bind", "listen"});
      return refuse_to_touch_socket_files(filter);
    case Role::kCapture:
      refuse_sockets_but_netlink(filter);
      refuse_to_serve(filter);
      filter.refuse({"connect"});
      return refuse_to_touch_socket_files(filter);
    case Role::kJudge:
      refuse_to_serve(filter);
      filter.refuse({"open", "openat", "socket", "socketpair", "connect", "bind", "sendto",
                     "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg", "ioctl"});
      return refuse_to_touch_socket_files(filter);
    case Role::kKernelEvents:
      filter.refuse({"socket", "socketpair", "connect", "bind"});
      refuse_to_serve(filter);
      return refuse_to_touch_socket_files(filter);
  }
}

}  // namespace

std::optional<std::string> enter_sandbox(Role role) {
  Filter filter;
  refuse_to(role, filter);
  if (const int error = filter.load()) {
    return fmt::format("restrict system calls by seccomp: {}; they are not restricted",
                       std::generic_category().message(error));
  }
  return std::nullopt;
}

}  // namespace lossgazer
