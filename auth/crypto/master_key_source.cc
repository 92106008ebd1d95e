#include "auth/crypto/master_key_source.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <filesystem>

#include "auth/crypto/digest.h"
#include "auth/crypto/pkcs11_key.h"
#include "auth/crypto/secret_file.h"
#include "base/file.h"
#include "base/hex.h"

namespace hadal::auth {
namespace {

constexpr std::string_view kFile = "file:";
constexpr std::string_view kCredential = "credential:";
constexpr std::string_view kPkcs11 = "pkcs11:";
constexpr size_t kMaxFileBytes = 4096;
// 32 bytes in Base64: eleven groups of four characters, the last with one "=".
constexpr size_t kBase64Characters = 44;

Secret TakeSecret(std::string bytes) {
  Secret secret(bytes);
  WipeMemory(bytes.data(), bytes.size());
  return secret;
}

StatusOr<Secret> DecodeBase64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3, '\0');
  const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                                   reinterpret_cast<const unsigned char*>(text.data()),
                                   static_cast<int>(text.size()));
  if (size < static_cast<int>(kMasterKeyBytes)) return InvalidArgument("this is no Base64");
  bytes.resize(kMasterKeyBytes);  // the padding decodes to zeros
  return TakeSecret(std::move(bytes));
}

// The three forms have three lengths, so none can be taken for another.
StatusOr<Secret> DecodeKey(const Secret& content) {
  std::string_view text = content.Reveal();
  if (text.size() == kMasterKeyBytes) return content.Clone();
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (text.size() == 2 * kMasterKeyBytes) {
    StatusOr<std::string> bytes = HexDecode(text);
    if (bytes.ok()) return TakeSecret(*std::move(bytes));
  } else if (text.size() == kBase64Characters && text.back() == '=' && text[42] != '=') {
    return DecodeBase64(text);
  }
  return InvalidArgument(
      "{} bytes that are no master key: expected 32 raw bytes, 64 hexadecimal digits, or 44 "
      "characters of Base64",
      content.size());
}

StatusOr<std::shared_ptr<const MasterKey>> FromContent(StatusOr<Secret> content,
                                                       const std::string& source) {
  if (!content.ok()) return Annotate(content.status(), "master key " + source);
  const StatusOr<Secret> key = DecodeKey(*content);
  if (!key.ok()) return Annotate(key.status(), "master key " + source);
  return NewMemoryMasterKey(*key, source);
}

// systemd keeps others out by the folder and may set group bits as the mask of an access list, so
// the file's mode says nothing here.
StatusOr<Secret> ReadCredential(const std::string& folder, const std::string& name) {
  if (folder.empty()) {
    return NotFound(
        "the service was started without credentials: add LoadCredential={}:PATH to "
        "its systemd unit",
        name);
  }
  ASSIGN_OR_RETURN(std::string content, ReadFile(folder + "/" + name, kMaxFileBytes));
  return TakeSecret(std::move(content));
}

}  // namespace

Status CheckMasterKeySource(const std::string& source) {
  const auto names_more_than = [&source](std::string_view scheme) {
    return source.starts_with(scheme) && source.size() > scheme.size();
  };
  if (names_more_than(kFile)) return OkStatus();
  if (names_more_than(kCredential)) {
    const std::string name = source.substr(kCredential.size());
    if (name.find('/') == std::string::npos && name != "." && name != "..") return OkStatus();
    return InvalidArgument("'{}': the name of a credential has no folder", source);
  }
  if (names_more_than(kPkcs11)) return CheckPkcs11Uri(source);
  return InvalidArgument(
      "'{}' is no source of a master key: expected file:PATH, credential:NAME or pkcs11:... "
      "(RFC 7512)",
      source);
}

StatusOr<std::shared_ptr<const MasterKey>> OpenMasterKey(const std::string& source,
                                                         const std::string& credentials_folder) {
  RETURN_IF_ERROR(CheckMasterKeySource(source));
  if (source.starts_with(kFile)) {
    return FromContent(ReadSecretFile(source.substr(kFile.size())), source);
  }
  if (source.starts_with(kCredential)) {
    return FromContent(ReadCredential(credentials_folder, source.substr(kCredential.size())),
                       source);
  }
  return OpenPkcs11Key(source);
}

Status NewMasterKeyFile(const std::string& path) {
  ASSIGN_OR_RETURN(const Secret key, RandomSecret(kMasterKeyBytes));
  const std::string temporary = path + ".new";
  RETURN_IF_ERROR(WriteSecretFile(temporary, TakeSecret(HexEncode(key.Reveal()))));
  // Unlike a renaming, a link never replaces what is there.
  const int linked = ::link(temporary.c_str(), path.c_str());
  const Status status =
      linked == 0 ? OkStatus() : ErrnoStatus("cannot create the master key", path);
  ::unlink(temporary.c_str());
  RETURN_IF_ERROR(status);
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const UniqueFd fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid() || ::fsync(fd.get()) != 0) return ErrnoStatus("cannot sync", folder);
  return OkStatus();
}

}  // namespace hadal::auth
