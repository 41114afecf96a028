// A folder of a test's own, with small files; it goes with what is in it.
#pragma once

#include <string>

namespace lossgazer {

// Throws std::runtime_error if it cannot be made.
class ScratchFolder {
 public:
  ScratchFolder();
  ~ScratchFolder();
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::string read(const std::string& name) const;
  void remove(const std::string& name) const;
  // A unix socket bound there and closed, as by a process that was killed.
  static void leave_dead_socket(const std::string& path);

 private:
  std::string path_;
};

}  // namespace lossgazer
