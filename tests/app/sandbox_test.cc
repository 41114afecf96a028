#include "app/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "capture/interfaces.h"

namespace lossgazer {
namespace {

using Attempt = std::function<long()>;

constexpr std::array kAll = {Role::kOpener, Role::kSetup,   Role::kMain,  Role::kClient,
                             Role::kWeb,    Role::kCapture, Role::kJudge, Role::kKernelEvents};

const std::vector<Role> kAllButOpener(kAll.begin() + 1, kAll.end());

// What each attempt (as a system call: -1 and errno if it fails) comes to in these roles, entered
// one after the other: an error number, 0 if it succeeds. In a process of its own: there is no way
// back.
std::vector<int> outcomes(const std::vector<Role>& roles, const std::vector<Attempt>& attempts) {
  std::array<int, 2> report{};
  std::vector<int> errors(attempts.size(), -1);
  if (pipe(report.data()) != 0) return errors;
  const pid_t child = fork();
  if (child == 0) {
    bool entered = true;
    for (const Role role : roles) entered = entered && !enter_sandbox(role);
    for (const Attempt& attempt : attempts) {
      const int error = !entered ? -1 : attempt() < 0 ? errno : 0;
      if (write(report[1], &error, sizeof error) != sizeof error) _exit(1);
    }
    _exit(0);
  }
  close(report[1]);
  for (int& error : errors) {
    if (read(report[0], &error, sizeof error) != sizeof error) error = -1;
  }
  close(report[0]);
  waitpid(child, nullptr, 0);
  return errors;
}

int outcome(const std::vector<Role>& roles, const Attempt& attempt) {
  return outcomes(roles, {attempt}).front();
}

struct Case {
  int expected;
  const char* what;
  Attempt attempt;
};

void expect(const std::vector<Role>& roles, const std::vector<Case>& cases) {
  std::vector<Attempt> attempts;
  for (const Case& one : cases) attempts.push_back(one.attempt);
  for (const Role role : roles) {
    const std::vector<int> errors = outcomes({role}, attempts);
    for (size_t i = 0; i < cases.size(); ++i) {
      EXPECT_EQ(errors[i], cases[i].expected)
          << cases[i].what << ", role " << static_cast<int>(role);
    }
  }
}

void expect(int expected, const std::vector<Role>& roles, const char* what,
            const Attempt& attempt) {
  expect(roles, {{expected, what, attempt}});
}

// In every role but these.
std::vector<Role> others(const std::vector<Role>& than) {
  std::vector<Role> result;
  for (const Role role : kAll) {
    if (std::find(than.begin(), than.end(), role) == than.end()) result.push_back(role);
  }
  return result;
}

long connect_to_discard() {
  const int one = socket(AF_INET, SOCK_DGRAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const void* const general = &address;
  return connect(one, static_cast<const sockaddr*>(general), sizeof address);
}

class Sandbox : public testing::Test {
 protected:
  const std::vector<Role> all_{kAll.begin(), kAll.end()};
  const std::string scratch_ = testing::TempDir() + "lossgazer-sandbox-" + std::to_string(getpid());
};

TEST_F(Sandbox, NobodyRunsPrograms) {
  expect(all_,
         {
             {EPERM, "execve", [] { return execl("/bin/true", "true", nullptr); }},
             {EPERM, "execveat",
              [] { return syscall(SYS_execveat, AT_FDCWD, "/bin/true", nullptr, nullptr, 0); }},
#ifdef SYS_fork  // not on every processor
             {EPERM, "fork", [] { return syscall(SYS_fork); }},
#endif
             {ENOSYS, "clone3", [] { return syscall(SYS_clone3, nullptr, 0); }},
         });
}

TEST_F(Sandbox, NobodyMakesOrChangesFiles) {
  expect(all_,
         {
             {EPERM, "creat", [&] { return creat(scratch_.c_str(), 0600); }},
             {EPERM, "open to read and write",
              [&] { return open(scratch_.c_str(), O_RDWR | O_CREAT, 0600); }},
             {EPERM, "open to make", [&] { return open(scratch_.c_str(), O_CREAT, 0600); }},
             {EPERM, "open to write", [] { return open("/dev/null", O_WRONLY); }},
             {EPERM, "open without a name", [] { return open("/tmp", O_TMPFILE | O_RDWR, 0600); }},
#ifdef SYS_open
             {EPERM, "open as of old", [] { return syscall(SYS_open, "/dev/null", O_WRONLY, 0); }},
#endif
             {ENOSYS, "openat2",
              [] { return syscall(SYS_openat2, AT_FDCWD, "/dev/null", nullptr, 0); }},
             {EPERM, "mkdir", [&] { return mkdir(scratch_.c_str(), 0700); }},
             {EPERM, "rename", [&] { return rename("/etc/passwd", scratch_.c_str()); }},
             {EPERM, "symlink", [&] { return symlink("/etc/passwd", scratch_.c_str()); }},
             {EPERM, "memfd_create", [] { return syscall(SYS_memfd_create, "x", 0); }},
         });
  EXPECT_EQ(access(scratch_.c_str(), F_OK), -1);
}

TEST_F(Sandbox, NobodyChangesWhoItIsOrTheMachine) {
  expect(all_, {
                   {EPERM, "setuid", [] { return syscall(SYS_setuid, 0); }},
                   {EPERM, "setgroups", [] { return syscall(SYS_setgroups, 0, nullptr); }},
                   {EPERM, "unshare", [] { return unshare(CLONE_NEWNS); }},
                   {EPERM, "mount", [] { return syscall(SYS_mount, "", "/", "", 0, nullptr); }},
                   {EPERM, "keyctl", [] { return syscall(SYS_keyctl, 0, 0, 0); }},
                   {EPERM, "process_vm_readv",
                    [] { return syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0); }},
                   {EPERM, "type into the terminal", [] { return ioctl(0, TIOCSTI, "x"); }},
                   // Above the bits that the kernel reads.
                   {EPERM, "type into the terminal, in disguise",
                    [] { return syscall(SYS_ioctl, 0, uint64_t{1} << 32 | TIOCSTI, "x"); }},
               });
}

TEST_F(Sandbox, OnlyWhoHearsTheKernelsEventsRunsProgramsInIt) {
  const auto run = [] { return syscall(SYS_bpf, 0, nullptr, 0); };
  const int unrestricted = run() < 0 ? errno : 0;  // EINVAL, or EPERM without CAP_BPF
  expect(unrestricted, {Role::kKernelEvents}, "bpf", run);
  expect(EPERM, others({Role::kKernelEvents}), "bpf", run);
}

#ifndef __SANITIZE_ADDRESS__  // whose leak checker needs it
TEST_F(Sandbox, NobodyTracesOrKills) {
  expect(all_, {
                   {EPERM, "ptrace", [] { return ptrace(PTRACE_TRACEME, 0, nullptr, nullptr); }},
                   {EPERM, "kill", [] { return kill(getppid(), 0); }},
                   {EPERM, "tgkill", [] { return syscall(SYS_tgkill, getppid(), getppid(), 0); }},
                   {EPERM, "clone", [] { return syscall(SYS_clone, SIGCHLD, nullptr); }},
               });
}
#endif

TEST_F(Sandbox, OnlyTheOpenerOpensCapturesAndTakesCapabilities) {
  const auto capture = [] { return socket(AF_PACKET, SOCK_RAW, 0); };
  const int unrestricted = capture() < 0 ? errno : 0;  // EPERM without CAP_NET_RAW
  expect(unrestricted, {Role::kOpener}, "packet socket", capture);
  expect(EPERM, kAllButOpener, "packet socket", capture);
  expect(EPERM, kAllButOpener, "packet socket, in disguise",
         [] { return syscall(SYS_socket, uint64_t{1} << 32 | AF_PACKET, SOCK_RAW, 0); });
  const auto take_none = [] {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> none{};
    return syscall(SYS_capset, &header, none.data());
  };
  expect(0, {Role::kOpener}, "capset", take_none);
  expect(EPERM, kAllButOpener, "capset", take_none);
}

TEST_F(Sandbox, SocketsAreForThoseWhoNeedThem) {
  const std::vector<Role> may = {Role::kOpener, Role::kSetup, Role::kClient};
  const auto make = [] { return socket(AF_INET, SOCK_STREAM, 0); };
  expect(0, may, "TCP socket", make);
  expect(EPERM, others(may), "TCP socket", make);
  expect(0, may, "connect", connect_to_discard);
  expect(EPERM, others(may), "connect", connect_to_discard);

  // Of this process, made before.
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  const auto listen_on = [server] { return listen(server, 1); };
  expect(0, {Role::kOpener, Role::kSetup}, "listen", listen_on);
  expect(EPERM, others({Role::kOpener, Role::kSetup}), "listen", listen_on);
  fcntl(server, F_SETFL, O_NONBLOCK);
  listen(server, 1);
  const auto take = [server] { return accept4(server, nullptr, nullptr, SOCK_CLOEXEC); };
  expect(EAGAIN, {Role::kOpener, Role::kSetup, Role::kWeb}, "accept", take);
  expect(EPERM, others({Role::kOpener, Role::kSetup, Role::kWeb}), "accept", take);
  close(server);
}

TEST_F(Sandbox, FilesAreReadAndSocketsOfPathsRemovedByThoseWhoNeedTo) {
  const auto read_file = [] { return open("/etc/passwd", O_RDONLY | O_CLOEXEC); };
  expect(0, others({Role::kJudge}), "read", read_file);
  expect(EPERM, {Role::kJudge}, "read", read_file);
  const auto remove = [&] { return unlink(scratch_.c_str()); };
  expect(ENOENT, {Role::kOpener, Role::kSetup, Role::kMain}, "unlink", remove);
  expect(EPERM, others({Role::kOpener, Role::kSetup, Role::kMain}), "unlink", remove);
}

TEST_F(Sandbox, ThreadsAreStartedByAll) {
  expect(0, all_, "thread", [] {
    std::thread([] {}).join();
    return 0L;
  });
}

// The main thread follows links, and capture threads ask for their interface's drops.
TEST_F(Sandbox, NetlinkAnswersThoseWhoAskIt) {
  const auto ask = [] { return list_links().empty() ? -1L : 0L; };
  EXPECT_EQ(outcome({Role::kOpener, Role::kSetup, Role::kMain}, ask), 0);
  EXPECT_EQ(outcome({Role::kOpener, Role::kSetup, Role::kCapture}, ask), 0);
  EXPECT_EQ(outcome({Role::kOpener, Role::kSetup, Role::kMain, Role::kCapture}, ask), 0);
}

TEST_F(Sandbox, WhatWasRefusedStaysRefused) {
  const auto make = [] { return socket(AF_INET, SOCK_STREAM, 0); };
  EXPECT_EQ(outcome({Role::kJudge, Role::kClient}, make), EPERM);
  EXPECT_EQ(outcome({Role::kWeb},
                    [&] {
                      int error = 0;
                      std::thread([&] { error = make() < 0 ? errno : 0; }).join();
                      errno = error;
                      return -1L;
                    }),
            EPERM)
      << "to threads that were started later, too";
}

// This process's own filters make the kernel one without seccomp.
void hide_seccomp() {
  constexpr uint16_t kLoad = BPF_LD | BPF_W | BPF_ABS;
  constexpr uint16_t kIs = BPF_JMP | BPF_JEQ | BPF_K;
  constexpr uint16_t kReturn = BPF_RET | BPF_K;
  std::array<sock_filter, 8> program = {{{kLoad, 0, 0, offsetof(seccomp_data, nr)},
                                         {kIs, 0, 1, SYS_seccomp},
                                         {kReturn, 0, 0, SECCOMP_RET_ERRNO | ENOSYS},
                                         {kIs, 0, 3, SYS_prctl},
                                         {kLoad, 0, 0, offsetof(seccomp_data, args)},
                                         {kIs, 0, 1, PR_SET_SECCOMP},
                                         {kReturn, 0, 0, SECCOMP_RET_ERRNO | EINVAL},
                                         {kReturn, 0, 0, SECCOMP_RET_ALLOW}}};
  const sock_fprog filter{program.size(), program.data()};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

TEST_F(Sandbox, SaysWhyWhereThereIsNone) {
  EXPECT_EQ(outcome({},
                    [] {
                      hide_seccomp();
                      const std::string why = enter_sandbox(Role::kMain).value_or("");
                      return why.starts_with("restrict system calls by seccomp: ") ? 0L : -1L;
                    }),
            0);
}

}  // namespace
}  // namespace lossgazer
