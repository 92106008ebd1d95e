#include "services/gateway/filters/digest.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/message_lite.h>

#include "auth/crypto/digest.h"
#include "base/check.h"
#include "base/hex.h"

namespace hadal::gateway {

std::string NewRequestId() {
  const StatusOr<std::string> bytes = auth::RandomBytes(16);
  // Without the system's generator no TLS session could have brought us a request.
  CHECK(bytes.ok());
  return HexEncode(*bytes);
}

std::string Sha256Hex(std::string_view text) { return HexEncode(auth::Sha256(text)); }

std::string DigestOf(const google::protobuf::MessageLite& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return Sha256Hex(bytes);
}

}  // namespace hadal::gateway
