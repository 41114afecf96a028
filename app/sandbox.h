// What each thread may still ask of the kernel. Threads share their memory, so this is a second
// line, not a wall: it leaves little to a thread that was taken over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace lossgazer {

// Whatever a thread is, it runs no program, makes no process, traces and kills none, opens no file
// for writing, makes, renames and links none, and neither mounts, loads, nor reconfigures anything.
enum class Role : uint8_t {
  kOpener,        // opens captures, alone; all others have no packet sockets and take no capability
  kSetup,         // the main thread while it starts: opens what is served, and starts threads
  kMain,          // and later: netlink alone, to follow links; removes its own sockets' files
  kClient,        // connects, to name servers, an exporter or who takes events: serves nobody
  kWeb,           // answers: opens no socket but those it accepts
  kCapture,       // reads packets: netlink alone, for the interface's statistics
  kJudge,         // judges them: no socket, no file
  kKernelEvents,  // hears the kernel's events, alone: bpf, and no socket
};

// From now on this thread, and those that it starts, are refused (EPERM) what its role does not
// need, beside what they were refused before. Returns why nothing was restricted where the kernel
// or whoever started this process does not let it; nothing if all is well.
std::optional<std::string> enter_sandbox(Role role);

}  // namespace lossgazer
