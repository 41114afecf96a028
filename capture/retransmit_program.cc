#include "capture/retransmit_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// The compiled program, as bytes of this one.
asm(".section .rodata\n"
    ".balign 8\n"
    "kRetransmitsBegin:\n"
    ".incbin \"" LOSSGAZER_RETRANSMITS
    "\"\n"
    "kRetransmitsEnd:\n"
    ".previous\n");
extern "C" const std::byte kRetransmitsBegin[];
extern "C" const std::byte kRetransmitsEnd[];

namespace lossgazer {
namespace {

constexpr const char* kTypes = "/sys/kernel/btf/vmlinux";
constexpr const char* kNetwork = "/proc/thread-self/ns/net";

[[noreturn]] void refused(std::string_view what, int error) {
  throw std::runtime_error(
      fmt::format("{}: {}", what, std::generic_category().message(std::abs(error))));
}

struct CloseObject {
  void operator()(bpf_object* object) const { bpf_object__close(object); }
};
struct DestroyLink {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};
using Link = std::unique_ptr<bpf_link, DestroyLink>;

std::unique_ptr<bpf_object, CloseObject> open_object() {
  // What it would print, it also returns.
  libbpf_set_print(nullptr);
  const size_t size = static_cast<size_t>(kRetransmitsEnd - kRetransmitsBegin);
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = "lossgazer";
  bpf_object* const object = bpf_object__open_mem(kRetransmitsBegin, size, &options);
  if (object == nullptr) refused("read the program for the kernel", errno);
  return std::unique_ptr<bpf_object, CloseObject>(object);
}

bpf_map* find_map(const bpf_object* object, const char* name) {
  bpf_map* const map = bpf_object__find_map_by_name(object, name);
  if (map == nullptr) throw std::logic_error(fmt::format("no {} in the program", name));
  return map;
}

// The page of variables that the program and we write to.
SharedWithKernel* map_shared(const bpf_object* object) {
  void* const page = mmap(nullptr, sizeof(SharedWithKernel), PROT_READ | PROT_WRITE, MAP_SHARED,
                          bpf_map__fd(find_map(object, ".bss")), 0);
  if (page == MAP_FAILED) refused("share memory with the kernel", errno);
  return static_cast<SharedWithKernel*>(page);
}

uint32_t our_network() {
  struct stat network {};
  if (stat(kNetwork, &network) != 0) refused(fmt::format("look at {}", kNetwork), errno);
  return static_cast<uint32_t>(network.st_ino);
}

}  // namespace

struct RetransmitProgram::Loaded {
  Loaded() = default;
  ~Loaded() {
    if (shared != nullptr) munmap(shared, sizeof *shared);
  }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;

  std::unique_ptr<bpf_object, CloseObject> object = open_object();
  std::vector<Link> links{};  // as long as they live, it runs
  int holders = -1;           // of these, the one to walk by
  int retransmits = -1;
  int cgroups = -1;
  SharedWithKernel* shared = nullptr;
};

RetransmitProgram::RetransmitProgram() {
  if (access(kTypes, R_OK) != 0) {
    refused(fmt::format("read {}, the kernel's types, which it has if it was built with "
                        "CONFIG_DEBUG_INFO_BTF",
                        kTypes),
            errno);
  }
  loaded_ = std::make_unique<Loaded>();
  bpf_object* const object = loaded_->object.get();
  const uint32_t network = our_network();
  if (const int error =
          bpf_map__set_initial_value(find_map(object, ".rodata"), &network, sizeof network)) {
    refused("tell the program which network is ours", error);
  }
  if (const int error = bpf_object__load(object)) {
    refused(
        "load the program into the kernel, which must be Linux 5.11 or later, and takes no "
        "capabilities of a user namespace",
        error);
  }
  loaded_->shared = map_shared(object);
  loaded_->retransmits = bpf_map__fd(find_map(object, "retransmits"));
  loaded_->cgroups = bpf_map__fd(find_map(object, "cgroups"));
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    Link link(bpf_program__attach(program));
    if (!link) {
      refused(fmt::format("attach {} to the kernel", bpf_program__section_name(program)), errno);
    }
    if (bpf_program__get_expected_attach_type(program) == BPF_TRACE_ITER) {
      loaded_->holders = bpf_link__fd(link.get());
    }
    loaded_->links.push_back(std::move(link));
  }
  // Loading reads all of the kernel's types, which are megabytes.
  malloc_trim(0);
}

RetransmitProgram::~RetransmitProgram() = default;

std::vector<RetransmitCount> RetransmitProgram::take() {
  const uint32_t turn = loaded_->shared->turn;
  std::vector<RetransmitCount> counts;
  RetransmitRecord record{};
  const RetransmitRecord* before = nullptr;
  while (bpf_map_get_next_key(loaded_->retransmits, before, &record) == 0) {
    if (record.turn != turn) counts.push_back({record});
    before = &record;
  }
  // One that was met twice is gone the second time.
  std::erase_if(counts, [this](RetransmitCount& count) {
    const bool found =
        bpf_map_lookup_elem(loaded_->retransmits, &count.record, &count.segments) == 0;
    return !found || bpf_map_delete_elem(loaded_->retransmits, &count.record) != 0;
  });
  std::atomic_ref(loaded_->shared->turn).store(turn + 1);
  return counts;
}

uint64_t RetransmitProgram::take_missed() {
  const uint64_t missed = std::atomic_ref(loaded_->shared->missed).load();
  return missed - std::exchange(missed_, missed);
}

bool RetransmitProgram::wants_walk() const {
  return std::atomic_ref(loaded_->shared->unresolved).load() != 0;
}

void RetransmitProgram::walk() {
  std::atomic_ref(loaded_->shared->unresolved).store(0);
  const int walk = bpf_iter_create(loaded_->holders);
  if (walk < 0) throw std::system_error(errno, std::generic_category(), "ask who holds sockets");
  // It says nothing: reading makes it go on.
  std::array<char, 64> nothing{};
  ssize_t got = 1;
  while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) {
    got = read(walk, nothing.data(), nothing.size());
  }
  close(walk);
}

std::string RetransmitProgram::cgroup_path(uint64_t cgroup) const {
  std::string path;
  CgroupRecord record{};
  while (cgroup != 0 && bpf_map_lookup_elem(loaded_->cgroups, &cgroup, &record) == 0) {
    cgroup = record.parent;
    if (cgroup == 0) return path.empty() ? "/" : path;
    const std::span<const char> name(record.name);
    path.insert(0, std::string("/").append(name.begin(), std::ranges::find(name, '\0')));
  }
  return path;
}

}  // namespace lossgazer
