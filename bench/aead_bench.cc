// Sealing and opening stored values, beside the library calls they stand on: what the format, the
// random nonce and the growth of strings add. Key set up once, as the store has it.

#include <benchmark/benchmark.h>
#include <openssl/evp.h>

#include <memory>
#include <string>

#include "auth/crypto/sealed_value.h"
#include "base/check.h"

namespace hadal::auth {
namespace {

constexpr AeadAlgorithm kAes = AeadAlgorithm::kAes256Gcm;
constexpr AeadAlgorithm kSm4 = AeadAlgorithm::kSm4Gcm;
constexpr char kPlace[] = "!base chunk nr";  // as long as the key of a chunk

std::unique_ptr<SealingKey> Key(AeadAlgorithm algorithm) {
  auto key = SealingKey::Create(algorithm, Secret(std::string(AeadKeyBytes(algorithm), 'k')), 0);
  CHECK_OK(key);
  return *std::move(key);
}

void Count(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void BM_Seal(benchmark::State& state, AeadAlgorithm algorithm) {
  const auto key = Key(algorithm);
  const std::string text(static_cast<size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    std::string sealed;
    CHECK_OK(key->Seal(kPlace, text, sealed));
    benchmark::DoNotOptimize(sealed.data());
  }
  Count(state);
}

void BM_Open(benchmark::State& state, AeadAlgorithm algorithm) {
  const auto key = Key(algorithm);
  std::string sealed;
  CHECK_OK(key->Seal(kPlace, std::string(static_cast<size_t>(state.range(0)), 'x'), sealed));
  for (auto _ : state) {
    std::string opened;
    CHECK_OK(key->Open(kPlace, sealed, opened));
    benchmark::DoNotOptimize(opened.data());
  }
  Count(state);
}

// AES-256-GCM by OpenSSL into a buffer that is there already, nonce given.
void BM_OpensslAlone(benchmark::State& state) {
  const auto size = static_cast<int>(state.range(0));
  const std::string text(static_cast<size_t>(size), 'x');
  std::string out(text.size() + kAeadTagBytes, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(out.data());
  const auto* place = reinterpret_cast<const unsigned char*>(kPlace);
  const std::string key(32, 'k');
  unsigned char nonce[kAeadNonceBytes] = {};
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(
      EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  CHECK(EVP_EncryptInit_ex2(context.get(), EVP_aes_256_gcm(),
                            reinterpret_cast<const unsigned char*>(key.data()), nullptr,
                            nullptr) == 1);
  for (auto _ : state) {
    ++nonce[0];
    int written = 0;
    CHECK(EVP_EncryptInit_ex2(context.get(), nullptr, nullptr, nonce, nullptr) == 1);
    CHECK(EVP_EncryptUpdate(context.get(), nullptr, &written, place, sizeof kPlace - 1) == 1);
    CHECK(EVP_EncryptUpdate(context.get(), bytes, &written,
                            reinterpret_cast<const unsigned char*>(text.data()), size) == 1);
    CHECK(EVP_EncryptFinal_ex(context.get(), bytes + written, &written) == 1);
    CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes, bytes + size) ==
          1);
    benchmark::DoNotOptimize(out.data());
  }
  Count(state);
}

BENCHMARK_CAPTURE(BM_Seal, aes, kAes)->Arg(1 << 10)->Arg(1 << 20);
BENCHMARK(BM_OpensslAlone)->Arg(1 << 10)->Arg(1 << 20);
BENCHMARK_CAPTURE(BM_Open, aes, kAes)->Arg(1 << 10)->Arg(1 << 20);
BENCHMARK_CAPTURE(BM_Seal, sm4, kSm4)->Arg(1 << 10)->Arg(1 << 20);
BENCHMARK_CAPTURE(BM_Open, sm4, kSm4)->Arg(1 << 10)->Arg(1 << 20);

}  // namespace
}  // namespace hadal::auth

BENCHMARK_MAIN();
