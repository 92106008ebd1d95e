#include "auth/identity/identity_file.h"

#include "auth/crypto/digest.h"
#include "auth/folder/little_endian.h"

namespace hadal::auth {
namespace {

constexpr std::string_view kMagic = "HADALID1";
constexpr size_t kPayloadStart = kMagic.size() + kSha256Bytes;

enum class EntryKind : uint8_t { kUser = 1, kKey = 2, kRole = 3 };

template <typename Records>
void AppendEntries(EntryKind kind, const Records& records, std::string& out) {
  for (const auto& [id, record] : records) {
    const std::string bytes = record.SerializeAsString();
    out.push_back(static_cast<char>(kind));
    AppendInteger(static_cast<uint32_t>(bytes.size()), out);
    out.append(bytes);
  }
}

template <typename Records>
bool TakeEntry(std::string_view bytes, Records& records) {
  typename Records::mapped_type record;
  if (!record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return false;
  std::string id = record.id();
  return records.emplace(std::move(id), std::move(record)).second;
}

bool DecodePayload(std::string_view bytes, IdentityState& state) {
  if (!TakeInteger(bytes, state.revision)) return false;
  while (!bytes.empty()) {
    uint8_t kind = 0;
    uint32_t size = 0;
    if (!TakeInteger(bytes, kind) || !TakeInteger(bytes, size) || bytes.size() < size) return false;
    const std::string_view entry = bytes.substr(0, size);
    bytes.remove_prefix(size);
    bool good = false;
    if (kind == static_cast<uint8_t>(EntryKind::kUser)) good = TakeEntry(entry, state.users);
    if (kind == static_cast<uint8_t>(EntryKind::kKey)) good = TakeEntry(entry, state.keys);
    if (kind == static_cast<uint8_t>(EntryKind::kRole)) good = TakeEntry(entry, state.roles);
    if (!good) return false;
  }
  return true;
}

}  // namespace

std::string EncodeIdentities(const IdentityState& state, const Secret& digest_key) {
  std::string payload;
  AppendInteger(state.revision, payload);
  AppendEntries(EntryKind::kUser, state.users, payload);
  AppendEntries(EntryKind::kKey, state.keys, payload);
  AppendEntries(EntryKind::kRole, state.roles, payload);
  std::string bytes(kMagic);
  bytes.append(HmacSha256(digest_key.Reveal(), payload)).append(payload);
  return bytes;
}

StatusOr<IdentityState> DecodeIdentities(std::string_view bytes, const Secret& digest_key) {
  if (bytes.size() < kPayloadStart || !bytes.starts_with(kMagic)) {
    return DataLoss("expected an identities file of version {}, found {} other bytes", kMagic,
                    bytes.size());
  }
  const std::string_view payload = bytes.substr(kPayloadStart);
  if (!ConstantTimeEquals(bytes.substr(kMagic.size(), kSha256Bytes),
                          HmacSha256(digest_key.Reveal(), payload))) {
    return DataLoss("its seal does not match: the file or key-digest.key was changed or replaced");
  }
  IdentityState state;
  if (!DecodePayload(payload, state)) return DataLoss("its entries cannot be read");
  return state;
}

}  // namespace hadal::auth
