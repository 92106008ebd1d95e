#include "auth/crypto/pkcs11_key.h"

#include <array>

#include "auth/crypto/digest.h"
#include "auth/crypto/pkcs11_session.h"
#include "base/hex.h"

namespace hadal::auth {
namespace {

constexpr size_t kIdBytes = 8;
constexpr CK_ULONG kAes256Bytes = 32;
constexpr CK_ULONG kTagBits = 8 * kAeadTagBytes;

unsigned char* Bytes(std::string_view text) {  // PKCS#11 knows no const
  return reinterpret_cast<unsigned char*>(const_cast<char*>(text.data()));
}

StatusOr<Pkcs11UriPtr> ParseUri(const std::string& text) {
  Pkcs11UriPtr uri(p11_kit_uri_new());
  const int code = p11_kit_uri_parse(text.c_str(), P11_KIT_URI_FOR_ANY, uri.get());
  if (code != P11_KIT_URI_OK || p11_kit_uri_any_unrecognized(uri.get()) != 0) {
    return InvalidArgument("'{}' is no PKCS#11 URI of RFC 7512: {}", text,
                           p11_kit_uri_message(code));
  }
  const bool names_key = p11_kit_uri_get_attribute(uri.get(), CKA_LABEL) != nullptr ||
                         p11_kit_uri_get_attribute(uri.get(), CKA_ID) != nullptr;
  if (!names_key || p11_kit_uri_get_module_path(uri.get()) == nullptr ||
      p11_kit_uri_get_pin_source(uri.get()) == nullptr) {
    return InvalidArgument(
        "'{}': expected object=... or id=..., module-path=... and pin-source=..., as in "
        "pkcs11:token=hadal;object=master?module-path=/usr/lib/softhsm/libsofthsm2.so&"
        "pin-source=/etc/hadal/pin",
        text);
  }
  return uri;
}

StatusOr<Pkcs11ModulePtr> LoadModule(const P11KitUri* uri) {
  const char* path = p11_kit_uri_get_module_path(uri);
  CK_FUNCTION_LIST* module = p11_kit_module_load(path, 0);
  if (module == nullptr) {
    const char* why = p11_kit_message();
    return NotFound("cannot load the PKCS#11 module {}: {}", path, why == nullptr ? "" : why);
  }
  if (const CK_RV code = p11_kit_module_initialize(module); code != CKR_OK) {
    p11_kit_module_release(module);
    return Pkcs11Error(code, fmt::format("initialising {}", path), StatusCode::kUnavailable);
  }
  return Pkcs11ModulePtr(module);
}

StatusOr<CK_OBJECT_HANDLE> FindKey(const Pkcs11Session& session, P11KitUri* uri) {
  CK_ULONG of_uri = 0;
  const CK_ATTRIBUTE* attributes = p11_kit_uri_get_attributes(uri, &of_uri);
  std::vector<CK_ATTRIBUTE> wanted;
  for (CK_ULONG i = 0; i < of_uri; ++i) {
    if (attributes[i].type != CKA_CLASS) wanted.push_back(attributes[i]);
  }
  CK_OBJECT_CLASS secret_key = CKO_SECRET_KEY;
  wanted.push_back({CKA_CLASS, &secret_key, sizeof secret_key});
  CK_FUNCTION_LIST* module = session.module();
  std::array<CK_OBJECT_HANDLE, 2> found{};
  CK_ULONG count = 0;
  CK_RV code = module->C_FindObjectsInit(session.handle(), wanted.data(), wanted.size());
  if (code == CKR_OK) {
    code = module->C_FindObjects(session.handle(), found.data(), found.size(), &count);
    module->C_FindObjectsFinal(session.handle());
  }
  if (code != CKR_OK) return Pkcs11Error(code, "looking for the key", StatusCode::kUnavailable);
  if (count == 1) return found[0];
  return NotFound("{} secret keys of the token match the URI, expected one",
                  count == 0 ? "no" : "several");
}

template <typename T>
StatusOr<T> ReadAttribute(const Pkcs11Session& session, CK_OBJECT_HANDLE key,
                          CK_ATTRIBUTE_TYPE type) {
  T value{};
  CK_ATTRIBUTE attribute = {type, &value, sizeof value};
  const CK_RV code = session.module()->C_GetAttributeValue(session.handle(), key, &attribute, 1);
  if (code == CKR_OK && attribute.ulValueLen == sizeof value) return value;
  return Pkcs11Error(code, "reading what the key is", StatusCode::kFailedPrecondition);
}

Status CheckKey(const Pkcs11Session& session, CK_OBJECT_HANDLE key) {
  ASSIGN_OR_RETURN(const CK_KEY_TYPE type, ReadAttribute<CK_KEY_TYPE>(session, key, CKA_KEY_TYPE));
  ASSIGN_OR_RETURN(const CK_ULONG size, ReadAttribute<CK_ULONG>(session, key, CKA_VALUE_LEN));
  if (type != CKK_AES || size != kAes256Bytes) {
    return FailedPrecondition("the key has type {:#x} and {} bytes, expected AES with {}", type,
                              size, kAes256Bytes);
  }
  ASSIGN_OR_RETURN(const CK_BBOOL extractable,
                   ReadAttribute<CK_BBOOL>(session, key, CKA_EXTRACTABLE));
  ASSIGN_OR_RETURN(const CK_BBOOL sensitive, ReadAttribute<CK_BBOOL>(session, key, CKA_SENSITIVE));
  if (extractable == CK_FALSE && sensitive == CK_TRUE) return OkStatus();
  return FailedPrecondition(
      "the key can be taken out of its token: make one that is sensitive and not extractable");
}

// From its label and id: whatever the URI left out of them is in here too.
StatusOr<std::string> KeyId(const Pkcs11Session& session, CK_OBJECT_HANDLE key) {
  std::string named = "hadal pkcs11 master key";
  for (const CK_ATTRIBUTE_TYPE type : {CKA_LABEL, CKA_ID}) {
    std::array<char, 256> value{};
    CK_ATTRIBUTE attribute = {type, value.data(), value.size()};
    const CK_RV code = session.module()->C_GetAttributeValue(session.handle(), key, &attribute, 1);
    if (code != CKR_OK) {
      return Pkcs11Error(code, "reading the key's name", StatusCode::kFailedPrecondition);
    }
    named.push_back('\0');
    named.append(value.data(), attribute.ulValueLen);
  }
  return HexEncode(Sha256(named).substr(0, kIdBytes));
}

class Pkcs11Key final : public MasterKey {
 public:
  Pkcs11Key(std::string id, std::string source, Pkcs11UriPtr uri, Pkcs11ModulePtr module)
      : MasterKey(std::move(id), std::move(source)),
        uri_(std::move(uri)),
        module_(std::move(module)) {}

  StatusOr<std::string> Wrap(AeadAlgorithm, std::string_view associated,
                             const Secret& key) const override {
    ASSIGN_OR_RETURN(std::string wrapped, RandomBytes(kAeadNonceBytes));
    ASSIGN_OR_RETURN(const std::string sealed,
                     Run(/*encrypt=*/true, wrapped, associated, key.Reveal()));
    if (sealed.size() != key.size() + kAeadTagBytes) {
      return Internal("the token made {} bytes of {}, expected a tag of {} behind them",
                      sealed.size(), key.size(), kAeadTagBytes);
    }
    return wrapped.append(sealed);
  }

  StatusOr<Secret> Unwrap(AeadAlgorithm, std::string_view associated,
                          std::string_view wrapped) const override {
    if (wrapped.size() < kAeadNonceBytes + kAeadTagBytes) {
      return DataLoss("a wrapped key of {} bytes: expected its nonce, the key and a tag",
                      wrapped.size());
    }
    ASSIGN_OR_RETURN(std::string opened, Run(/*encrypt=*/false, wrapped.substr(0, kAeadNonceBytes),
                                             associated, wrapped.substr(kAeadNonceBytes)));
    Secret key(opened);
    WipeMemory(opened.data(), opened.size());
    return key;
  }

 private:
  StatusOr<std::string> Run(bool encrypt, std::string_view nonce, std::string_view associated,
                            std::string_view input) const {
    ASSIGN_OR_RETURN(const auto session, Pkcs11Session::Open(module_.get(), uri_.get()));
    ASSIGN_OR_RETURN(CK_OBJECT_HANDLE key, FindKey(*session, uri_.get()));
    CK_GCM_PARAMS parameters = {Bytes(nonce),      nonce.size(),      8 * nonce.size(),
                                Bytes(associated), associated.size(), kTagBits};
    CK_MECHANISM mechanism = {CKM_AES_GCM, &parameters, sizeof parameters};
    std::string output(input.size() + kAeadTagBytes, '\0');
    CK_ULONG size = output.size();
    const CK_FUNCTION_LIST& call = *module_;
    CK_RV code = encrypt ? call.C_EncryptInit(session->handle(), &mechanism, key)
                         : call.C_DecryptInit(session->handle(), &mechanism, key);
    if (code != CKR_OK) {
      return Pkcs11Error(code, "the token cannot begin AES-GCM", StatusCode::kUnavailable);
    }
    code =
        encrypt
            ? call.C_Encrypt(session->handle(), Bytes(input), input.size(), Bytes(output), &size)
            : call.C_Decrypt(session->handle(), Bytes(input), input.size(), Bytes(output), &size);
    if (code != CKR_OK) {
      return Pkcs11Error(code, "the token refuses", StatusCode::kDataLoss);
    }
    output.resize(size);
    return output;
  }

  const Pkcs11UriPtr uri_;
  const Pkcs11ModulePtr module_;
};

}  // namespace

Status CheckPkcs11Uri(const std::string& uri) { return ParseUri(uri).status(); }

StatusOr<std::shared_ptr<const MasterKey>> OpenPkcs11Key(const std::string& text) {
  ASSIGN_OR_RETURN(Pkcs11UriPtr uri, ParseUri(text));
  ASSIGN_OR_RETURN(Pkcs11ModulePtr module, LoadModule(uri.get()));
  std::string id;
  {
    const auto session = Pkcs11Session::Open(module.get(), uri.get());
    if (!session.ok()) return Annotate(session.status(), text);
    const StatusOr<CK_OBJECT_HANDLE> key = FindKey(**session, uri.get());
    if (!key.ok()) return Annotate(key.status(), text);
    if (const Status good = CheckKey(**session, *key); !good.ok()) return Annotate(good, text);
    ASSIGN_OR_RETURN(id, KeyId(**session, *key));
  }
  return std::make_shared<const Pkcs11Key>(std::move(id), text, std::move(uri), std::move(module));
}

}  // namespace hadal::auth
