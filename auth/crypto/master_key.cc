#include "auth/crypto/master_key.h"

#include "auth/crypto/digest.h"
#include "base/hex.h"

namespace hadal::auth {
namespace {

constexpr size_t kIdBytes = 8;
constexpr char kIdPurpose[] = "hadal master key id";
constexpr char kWrapPurpose[] = "hadal key wrapping, ";

StatusOr<std::unique_ptr<Aead>> WrappingAead(AeadAlgorithm algorithm, const Secret& key) {
  const std::string purpose = std::string(kWrapPurpose).append(AeadName(algorithm));
  std::string derived = algorithm == AeadAlgorithm::kAes256Gcm ? HmacSha256(key.Reveal(), purpose)
                                                               : HmacSm3(key.Reveal(), purpose);
  const Secret wrapping_key(std::string_view(derived).substr(0, AeadKeyBytes(algorithm)));
  WipeMemory(derived.data(), derived.size());
  return Aead::Create(algorithm, wrapping_key);
}

class MemoryMasterKey final : public MasterKey {
 public:
  MemoryMasterKey(std::string id, std::string source, std::unique_ptr<Aead> aes,
                  std::unique_ptr<Aead> sm4)
      : MasterKey(std::move(id), std::move(source)), aes_(std::move(aes)), sm4_(std::move(sm4)) {}

  StatusOr<std::string> Wrap(AeadAlgorithm algorithm, std::string_view associated,
                             const Secret& key) const override {
    ASSIGN_OR_RETURN(std::string wrapped, RandomBytes(kAeadNonceBytes));
    const std::string nonce = wrapped;
    RETURN_IF_ERROR(Of(algorithm).Seal(nonce, associated, key.Reveal(), wrapped));
    return wrapped;
  }

  StatusOr<Secret> Unwrap(AeadAlgorithm algorithm, std::string_view associated,
                          std::string_view wrapped) const override {
    if (wrapped.size() < kAeadNonceBytes) {
      return DataLoss("a wrapped key of {} bytes: expected its nonce, the key and a tag",
                      wrapped.size());
    }
    std::string opened;
    RETURN_IF_ERROR(Of(algorithm).Open(wrapped.substr(0, kAeadNonceBytes), associated,
                                       wrapped.substr(kAeadNonceBytes), opened));
    Secret key(opened);
    WipeMemory(opened.data(), opened.size());
    return key;
  }

 private:
  const Aead& Of(AeadAlgorithm algorithm) const {
    return algorithm == AeadAlgorithm::kAes256Gcm ? *aes_ : *sm4_;
  }

  const std::unique_ptr<Aead> aes_;
  const std::unique_ptr<Aead> sm4_;
};

}  // namespace

StatusOr<std::shared_ptr<const MasterKey>> NewMemoryMasterKey(const Secret& key,
                                                              std::string source) {
  const std::string_view bytes = key.Reveal();
  if (bytes.size() != kMasterKeyBytes) {
    return InvalidArgument("{}: a master key of {} bytes, expected {}", source, bytes.size(),
                           kMasterKeyBytes);
  }
  if (bytes.find_first_not_of(bytes.front()) == std::string_view::npos) {
    return InvalidArgument("{}: {} equal bytes are no key: make one with `openssl rand -hex 32`",
                           source, bytes.size());
  }
  ASSIGN_OR_RETURN(auto aes, WrappingAead(AeadAlgorithm::kAes256Gcm, key));
  ASSIGN_OR_RETURN(auto sm4, WrappingAead(AeadAlgorithm::kSm4Gcm, key));
  const std::string id = HmacSha256(bytes, kIdPurpose).substr(0, kIdBytes);
  return std::make_shared<const MemoryMasterKey>(HexEncode(id), std::move(source), std::move(aes),
                                                 std::move(sm4));
}

}  // namespace hadal::auth
