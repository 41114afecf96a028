#include "metrics/text_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace lossgazer {
namespace {

constexpr size_t kMax = size_t{1} << 20;

class Descriptor {
 public:
  // Without waiting for a writer, should it be a pipe.
  explicit Descriptor(const std::string& path)
      : number_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

}  // namespace

std::string why_unreadable(int error) {
  const std::string text = std::generic_category().message(error);
  return error == EACCES ? fmt::format("{}: the user {} may not read it", text, geteuid()) : text;
}

std::string read_text_file(const std::string& path) {
  const Descriptor file(path);
  std::string text;
  std::array<char, 16384> buffer{};
  while (true) {
    const ssize_t count =
        file.number() < 0 ? -1 : read(file.number(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw std::runtime_error(why_unreadable(errno));
    if (count == 0) return text;
    text.append(buffer.data(), static_cast<size_t>(count));
    if (text.size() > kMax) throw std::runtime_error("longer than 1 MiB");
  }
}

}  // namespace lossgazer
