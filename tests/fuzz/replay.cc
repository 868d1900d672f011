// Drives a fuzz target without libFuzzer: every file of a corpus, then bent copies of them, always
// the same ones.
//
//   fuzz_frame CORPUS [ROUNDS]
//
// When an assertion fails the input is in ./fuzz-input; give the folder it is in as CORPUS to see
// it again. A sanitizer's own report does the same with ASAN_OPTIONS=abort_on_error=1.
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "core/random.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using podring::SplitMix;

constexpr std::size_t kBytesMax = 64 * 1024;
std::vector<char> present;  // the input that is being tried

extern "C" void keep_input(int /*signal*/) {
  if (std::FILE* file = std::fopen("fuzz-input", "wb")) {
    std::fwrite(present.data(), 1, present.size(), file);
    std::fclose(file);
  }
  std::fputs("fuzz: the input is in ./fuzz-input\n", stderr);
}

void run(const std::string& input) {
  present = std::vector<char>(input.begin(), input.end());  // to the byte, for the sanitizer
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(present.data()), present.size());
}

std::size_t below(SplitMix& random, std::size_t bound) {
  return static_cast<std::size_t>(random.below(bound));
}

/// One small change: bytes overwritten, left out, doubled, or taken from `other`.
void bend(std::string& input, const std::string& other, SplitMix& random) {
  const std::size_t at = below(random, input.size() + 1);
  const std::size_t some = 1 + below(random, 8);
  switch (random.below(5)) {
    case 0:
      if (at < input.size()) input[at] = static_cast<char>(random.next());
      break;
    case 1:
      if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << random.below(8)));
      break;
    case 2:
      input.erase(at, some);
      break;
    case 3:
      input.insert(at, input.substr(at, some));
      break;
    default:
      if (!other.empty()) input.insert(at, other.substr(below(random, other.size()), 4 * some));
  }
  if (input.size() > kBytesMax) input.resize(kBytesMax);
}

std::vector<std::string> read_corpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> corpus;
  for (const auto& path : paths) {
    std::ifstream file{path, std::ios::binary};
    corpus.emplace_back(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{});
  }
  return corpus;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    std::fprintf(stderr, "usage: %s CORPUS [ROUNDS]\n", argv[0]);
    return 2;
  }
  std::signal(SIGABRT, keep_input);
  try {
    const std::vector<std::string> corpus = read_corpus(argv[1]);
    if (corpus.empty()) {
      std::fprintf(stderr, "fuzz: no input in %s\n", argv[1]);
      return 2;
    }
    for (const std::string& input : corpus) run(input);
    const unsigned long long rounds = argc == 3 ? std::strtoull(argv[2], nullptr, 10) : 0;
    SplitMix random{1};
    for (unsigned long long round = 0; round < rounds; ++round) {
      std::string input = corpus[below(random, corpus.size())];
      const std::string& other = corpus[below(random, corpus.size())];
      for (std::uint64_t i = 1 + random.below(6); i > 0; --i) bend(input, other, random);
      run(input);
    }
    std::printf("%zu inputs of the corpus, %llu bent ones\n", corpus.size(), rounds);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "fuzz: %s\n", error.what());
    return 1;
  }
  return 0;
}
