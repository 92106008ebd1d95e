#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "auth/crypto/sealed_value.h"

using hadal::auth::AeadAlgorithm;

// No made-up value opens; the input as a plaintext comes back; and the sealed value with the input
// laid over it opens only where that changed nothing. The fuzzer sees what is compared and feeds
// sealed values back to us, so each run seals for a place of its own.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static uint64_t runs = 0;
  const std::string place = std::to_string(++runs);
  const std::string input(reinterpret_cast<const char*>(data), size);
  for (const AeadAlgorithm algorithm : {AeadAlgorithm::kAes256Gcm, AeadAlgorithm::kSm4Gcm}) {
    static std::unique_ptr<hadal::auth::SealingKey> keys[3];
    auto& key = keys[static_cast<size_t>(algorithm)];
    if (key == nullptr) {
      const std::string bytes(hadal::auth::AeadKeyBytes(algorithm), 'k');
      key = *hadal::auth::SealingKey::Create(algorithm, hadal::auth::Secret(bytes), 0);
    }
    std::string opened;
    if (key->Open(place, input, opened).ok() || !opened.empty()) std::abort();
    std::string sealed;
    if (!key->Seal(place, input, sealed).ok()) std::abort();
    if (!key->Open(place, sealed, opened).ok() || opened != input) std::abort();
    std::string changed = sealed;
    std::memcpy(changed.data(), input.data(), std::min(input.size(), changed.size()));
    if (key->Open(place, changed, opened).ok() != (changed == sealed)) std::abort();
  }
  return 0;
}
