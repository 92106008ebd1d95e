#include "auth/crypto/x509.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <utility>

#include "auth/crypto/digest.h"
#include "auth/crypto/openssl_error.h"
#include "auth/crypto/openssl_ptr.h"

namespace hadal::auth {
namespace {

using StorePtr = std::unique_ptr<X509_STORE, OpensslFree<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, OpensslFree<X509_STORE_CTX_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, OpensslFree<X509_EXTENSION_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpensslFree<GENERAL_NAMES_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, OpensslFree<BN_free>>;

Status Failed(std::string_view what) { return OpensslError(StatusCode::kInternal, what); }

PkeyPtr ParseKey(const Secret& pem) {
  const std::string_view text = pem.Reveal();
  BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  return PkeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

X509Ptr ParseCertificate(const std::string& pem) {
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return X509Ptr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

Status AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return Failed(fmt::format("cannot add the extension {}", value));
  }
  return OkStatus();
}

std::string AlternativeNames(const CertificateRequest& request) {
  std::string value;
  const auto add = [&value](std::string_view kind, const std::string& name) {
    if (!value.empty()) value.push_back(',');
    value.append(kind).append(name);
  };
  for (const std::string& name : request.dns_names) add("DNS:", name);
  for (const std::string& address : request.ip_addresses) add("IP:", address);
  return value;
}

// The value goes through OpenSSL's configuration syntax, where a comma starts the next entry.
Status CheckNames(const CertificateRequest& request) {
  for (const std::string& name : request.dns_names) {
    if (name.empty() || name.size() > 253 ||
        name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-*")
            != std::string::npos) {
      return InvalidArgument("'{}' is no DNS name", name);
    }
  }
  for (const std::string& address : request.ip_addresses) {
    unsigned char parsed[16];
    if (::inet_pton(AF_INET, address.c_str(), parsed) != 1 &&
        ::inet_pton(AF_INET6, address.c_str(), parsed) != 1) {
      return InvalidArgument("'{}' is no IP address", address);
    }
  }
  return OkStatus();
}

Status SetSerial(X509* certificate) {
  // 127 random bits: unique without a counter to keep (RFC 5280 §4.1.2.2 allows up to 20 octets).
  ASSIGN_OR_RETURN(std::string serial, RandomBytes(16));
  serial[0] = static_cast<char>((serial[0] & 0x7f) | 0x40);
  BignumPtr number(BN_bin2bn(reinterpret_cast<const unsigned char*>(serial.data()),
                             static_cast<int>(serial.size()), nullptr));
  if (number == nullptr ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return Failed("cannot set the serial number");
  }
  return OkStatus();
}

StatusOr<X509Ptr> BuildCertificate(const CertificateRequest& request, EVP_PKEY* key) {
  RETURN_IF_ERROR(CheckNames(request));
  X509Ptr certificate(X509_new());
  if (certificate == nullptr || X509_set_version(certificate.get(), X509_VERSION_3) != 1) {
    return Failed("cannot make a certificate");
  }
  RETURN_IF_ERROR(SetSerial(certificate.get()));
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  const auto* common_name = reinterpret_cast<const unsigned char*>(request.common_name.c_str());
  if (X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>("Hadal"), -1, -1, 0) != 1 ||
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, common_name, -1, -1, 0) != 1) {
    return Failed("cannot set the subject");
  }
  if (ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(request.not_before)) ==
          nullptr ||
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(request.not_after)) ==
          nullptr ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return Failed("cannot set validity and key");
  }
  return certificate;
}

StatusOr<std::string> SignAndEncode(X509* certificate, EVP_PKEY* key) {
  if (X509_sign(certificate, key, EVP_sha256()) == 0) return Failed("cannot sign a certificate");
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return Failed("cannot encode a certificate");
  }
  return std::string(BioText(bio.get()));
}

absl::Time FromAsn1(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return absl::InfinitePast();
  return absl::FromTM(fields, absl::UTCTimeZone());
}

std::string AddressText(const ASN1_OCTET_STRING* address) {
  char text[INET6_ADDRSTRLEN] = {};
  const int family = address->length == 4 ? AF_INET : AF_INET6;
  if (address->length != 4 && address->length != 16) return "";
  ::inet_ntop(family, address->data, text, sizeof text);
  return text;
}

}  // namespace

StatusOr<Secret> NewEcKey() {
  PkeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  BioPtr bio(BIO_new(BIO_s_secmem()));
  if (key == nullptr || bio == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return OpensslError(StatusCode::kUnavailable, "cannot make a P-256 key");
  }
  return Secret(BioText(bio.get()));
}

StatusOr<std::string> SelfSignCa(const CertificateRequest& request, const Secret& key_pem) {
  const PkeyPtr key = ParseKey(key_pem);
  if (key == nullptr) return Failed("cannot read the CA's key");
  ASSIGN_OR_RETURN(const X509Ptr certificate, BuildCertificate(request, key.get()));
  X509* ca = certificate.get();
  if (X509_set_issuer_name(ca, X509_get_subject_name(ca)) != 1) return Failed("cannot set issuer");
  RETURN_IF_ERROR(AddExtension(ca, ca, NID_basic_constraints, "critical,CA:TRUE,pathlen:0"));
  RETURN_IF_ERROR(AddExtension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign"));
  RETURN_IF_ERROR(AddExtension(ca, ca, NID_subject_key_identifier, "hash"));
  return SignAndEncode(ca, key.get());
}

StatusOr<std::string> IssueCertificate(const CertificateRequest& request, const Secret& key_pem,
                                       const std::string& ca_pem, const Secret& ca_key_pem) {
  const PkeyPtr key = ParseKey(key_pem);
  const PkeyPtr ca_key = ParseKey(ca_key_pem);
  const X509Ptr ca = ParseCertificate(ca_pem);
  if (key == nullptr || ca_key == nullptr || ca == nullptr) return Failed("cannot read the CA");
  ASSIGN_OR_RETURN(const X509Ptr certificate, BuildCertificate(request, key.get()));
  X509* leaf = certificate.get();
  if (X509_set_issuer_name(leaf, X509_get_subject_name(ca.get())) != 1) {
    return Failed("cannot set the issuer");
  }
  RETURN_IF_ERROR(AddExtension(leaf, ca.get(), NID_basic_constraints, "critical,CA:FALSE"));
  RETURN_IF_ERROR(AddExtension(leaf, ca.get(), NID_key_usage, "critical,digitalSignature"));
  RETURN_IF_ERROR(AddExtension(leaf, ca.get(), NID_ext_key_usage, "serverAuth,clientAuth"));
  RETURN_IF_ERROR(AddExtension(leaf, ca.get(), NID_subject_key_identifier, "hash"));
  RETURN_IF_ERROR(AddExtension(leaf, ca.get(), NID_authority_key_identifier, "keyid"));
  RETURN_IF_ERROR(AddExtension(leaf, ca.get(), NID_subject_alt_name, AlternativeNames(request)));
  return SignAndEncode(leaf, ca_key.get());
}

StatusOr<CertificateInfo> ReadCertificate(const std::string& pem) {
  const X509Ptr certificate = ParseCertificate(pem);
  if (certificate == nullptr) {
    return OpensslError(StatusCode::kInvalidArgument, "expected a certificate in PEM");
  }
  CertificateInfo info;
  char common_name[256] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, common_name,
                            sizeof common_name);
  info.common_name = common_name;
  info.not_before = FromAsn1(X509_get0_notBefore(certificate.get()));
  info.not_after = FromAsn1(X509_get0_notAfter(certificate.get()));
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS) {
      info.names.emplace_back(
          reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
          static_cast<size_t>(ASN1_STRING_length(name->d.dNSName)));
    } else if (name->type == GEN_IPADD) {
      info.names.push_back(AddressText(name->d.iPAddress));
    }
  }
  return info;
}

Status VerifyCertificate(const std::string& pem, const std::string& ca_pem, absl::Time time,
                         const std::string& host) {
  const X509Ptr certificate = ParseCertificate(pem);
  const X509Ptr ca = ParseCertificate(ca_pem);
  const StorePtr store(X509_STORE_new());
  const StoreContextPtr context(X509_STORE_CTX_new());
  if (certificate == nullptr || ca == nullptr || store == nullptr || context == nullptr ||
      X509_STORE_add_cert(store.get(), ca.get()) != 1) {
    return OpensslError(StatusCode::kFailedPrecondition, "certificate or CA cannot be read");
  }
  for (const int purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT}) {
    if (X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), nullptr) != 1 ||
        X509_STORE_CTX_set_purpose(context.get(), purpose) != 1) {
      return Failed("cannot set up the verification");
    }
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(time));
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
    const int verified = X509_verify_cert(context.get());
    const int error = X509_STORE_CTX_get_error(context.get());
    X509_STORE_CTX_cleanup(context.get());
    ERR_clear_error();
    if (verified != 1) {
      return FailedPrecondition("certificate refused: {}", X509_verify_cert_error_string(error));
    }
  }
  if (host.empty() ||
      X509_check_host(certificate.get(), host.data(), host.size(), 0, nullptr) == 1 ||
      X509_check_ip_asc(certificate.get(), host.c_str(), 0) == 1) {
    return OkStatus();
  }
  return FailedPrecondition("certificate refused: it does not name {}", host);
}

bool KeyMatchesCertificate(const Secret& key_pem, const std::string& pem) {
  const PkeyPtr key = ParseKey(key_pem);
  const X509Ptr certificate = ParseCertificate(pem);
  const bool match = key != nullptr && certificate != nullptr &&
                     X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  return match;
}

}  // namespace hadal::auth
