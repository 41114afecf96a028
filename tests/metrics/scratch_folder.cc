#include "tests/metrics/scratch_folder.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace lossgazer {

ScratchFolder::ScratchFolder()
    : path_((std::filesystem::temp_directory_path() / "lossgazer-XXXXXX").string()) {
  if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make " + path_);
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

void ScratchFolder::write(const std::string& name, const std::string& text) const {
  // Beside it, then in its place: a server that reads it meanwhile sees all or nothing.
  std::ofstream(path(name + ".new")) << text;
  std::filesystem::rename(path(name + ".new"), path(name));
}

std::string ScratchFolder::read(const std::string& name) const {
  std::ifstream file(path(name));
  return {std::istreambuf_iterator<char>(file), {}};
}

void ScratchFolder::remove(const std::string& name) const { std::filesystem::remove(path(name)); }

void ScratchFolder::leave_dead_socket(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto* const generic = reinterpret_cast<const sockaddr*>(&address);
  if (descriptor < 0 || bind(descriptor, generic, sizeof address) != 0) {
    throw std::runtime_error("cannot bind " + path);
  }
  close(descriptor);
}

}  // namespace lossgazer
