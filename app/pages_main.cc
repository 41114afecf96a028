// Writes the manual page and the shells' completions into a folder that has their layouts:
//   lossgazer_pages FOLDER

#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "app/option_pages.h"

namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) throw std::runtime_error("read " + path.string() + ": it failed");
  return text;
}

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (!file) throw std::runtime_error("write " + path.string() + ": it failed");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: lossgazer_pages FOLDER\n";
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    for (const std::string_view page : lossgazer::kOptionPages) {
      const std::filesystem::path path = folder / page;
      write(path, lossgazer::fill_option_page(read(path.string() + ".in")));
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "lossgazer_pages: " << error.what() << "\n";
    return 1;
  }
}
