#include "auth/audit/checkpoint.h"

#include <charconv>
#include <cstring>
#include <vector>

#include "absl/strings/escaping.h"
#include "base/hex.h"

namespace hadal::auth {
namespace {

constexpr std::string_view kDash = "\xe2\x80\x94 ";  // U+2014 and a space
constexpr char kEd25519Type = 0x01;
constexpr size_t kKeyIdBytes = 4;

std::string Base64(std::string_view bytes) {
  return absl::Base64Escape(absl::string_view(bytes.data(), bytes.size()));
}

// Strict: only what Base64() writes, so that no two texts mean the same bytes.
bool FromBase64(std::string_view text, std::string& bytes) {
  return absl::Base64Unescape(absl::string_view(text.data(), text.size()), &bytes) &&
         Base64(bytes) == text;
}

bool TakeLine(std::string_view& text, std::string_view& line) {
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return true;
}

}  // namespace

std::string CheckpointKey::KeyId() const {
  std::string hashed = name;
  hashed.append("\n").push_back(kEd25519Type);
  return Sha256(hashed + public_key).substr(0, kKeyIdBytes);
}

std::string CheckpointKey::ToText() const {
  return fmt::format("{}+{}+{}\n", name, HexEncode(KeyId()),
                     Base64(std::string(1, kEd25519Type) + public_key));
}

StatusOr<CheckpointKey> CheckpointKey::FromText(std::string_view text) {
  const Status malformed = InvalidArgument(
      "expected a C2SP verifier key of one line, <name>+<8 hex digits>+<base64>, for Ed25519");
  const size_t first = text.find('+');
  if (first == std::string_view::npos) return malformed;
  const size_t second = text.find('+', first + 1);
  if (second == std::string_view::npos || !text.ends_with('\n')) return malformed;
  std::string key;
  if (!FromBase64(text.substr(second + 1, text.size() - second - 2), key) ||
      key.size() != 1 + kEd25519PublicKeyBytes || key[0] != kEd25519Type) {
    return malformed;
  }
  CheckpointKey result{std::string(text.substr(0, first)), key.substr(1)};
  if (result.name.empty() || result.ToText() != text) return malformed;
  return result;
}

std::string CheckpointBody(const std::string& origin, uint64_t size, const TreeHash& root) {
  return fmt::format("{}\n{}\n{}\n", origin, size, Base64(AsBytes(root)));
}

StatusOr<SignedHead> SignHead(const CheckpointKey& key, const Ed25519PrivateKey& signer,
                              uint64_t size, const TreeHash& root) {
  ASSIGN_OR_RETURN(std::string signature, signer.Sign(CheckpointBody(key.name, size, root)));
  return SignedHead{size, root, std::move(signature)};
}

bool VerifyHead(const CheckpointKey& key, const SignedHead& head) {
  return VerifyEd25519(key.public_key, CheckpointBody(key.name, head.size, head.root),
                       head.signature);
}

std::string CheckpointText(const CheckpointKey& key, const SignedHead& head) {
  return fmt::format("{}\n{}{} {}\n", CheckpointBody(key.name, head.size, head.root), kDash,
                     key.name, Base64(key.KeyId() + head.signature));
}

StatusOr<SignedHead> ParseCheckpoint(const CheckpointKey& key, std::string_view text) {
  const std::string_view whole = text;
  std::string_view origin, size, root, empty, signature;
  if (!TakeLine(text, origin) || !TakeLine(text, size) || !TakeLine(text, root) ||
      !TakeLine(text, empty) || !TakeLine(text, signature) || !text.empty()) {
    return DataLoss("expected a checkpoint of five lines (C2SP tlog-checkpoint)");
  }
  if (origin != key.name) {
    return DataLoss("the checkpoint is of another log: expected origin '{}'", key.name);
  }
  SignedHead head;
  std::string root_bytes, signed_bytes;
  const auto parsed = std::from_chars(size.data(), size.data() + size.size(), head.size);
  const std::string prefix = fmt::format("{}{} ", kDash, key.name);
  if (parsed.ec != std::errc() || parsed.ptr != size.data() + size.size() ||
      !FromBase64(root, root_bytes) || root_bytes.size() != kSha256Bytes ||
      !signature.starts_with(prefix) ||
      !FromBase64(signature.substr(prefix.size()), signed_bytes) ||
      signed_bytes.size() != kKeyIdBytes + kEd25519SignatureBytes) {
    return DataLoss("the checkpoint's lines are malformed");
  }
  std::memcpy(head.root.data(), root_bytes.data(), root_bytes.size());
  head.signature = signed_bytes.substr(kKeyIdBytes);
  if (CheckpointText(key, head) != whole || !VerifyHead(key, head)) {
    return DataLoss("the checkpoint's signature does not hold for key {}", HexEncode(key.KeyId()));
  }
  return head;
}

}  // namespace hadal::auth
