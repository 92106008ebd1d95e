#include <cstdint>
#include <cstdlib>

#include "auth/crypto/digest.h"
#include "auth/crypto/key_ring.h"

using hadal::auth::KeyRing;

// A wrapped key opens only when it is the ring's own, byte for byte, and in its context only.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const KeyRing ring({*hadal::auth::NewMemoryMasterKey(
      hadal::auth::Secret(hadal::auth::Sha256("master")), "fuzzing")});
  static const std::string wrapped = *ring.Wrap(
      {hadal::auth::AeadAlgorithm::kAes256Gcm, hadal::auth::Secret(std::string(32, 'k'))}, "c");
  const std::string input(reinterpret_cast<const char*>(data), size);
  static_cast<void>(ring.WrappedByFirst(input));
  if (ring.Unwrap(input, "d").ok()) std::abort();
  // Behind a header that is right, so that more than the header is read.
  if (ring.Unwrap(wrapped.substr(0, 10) + input, "d").ok()) std::abort();
  if (input.empty() || input.size() > wrapped.size()) return 0;
  std::string changed = wrapped;
  changed.replace(changed.size() - input.size(), input.size(), input);
  if (ring.Unwrap(changed, "c").ok() != (changed == wrapped)) std::abort();
  return 0;
}
