#pragma once

#include <string>
#include <string_view>

namespace google::protobuf {
class MessageLite;
}

namespace hadal::gateway {

/// 32 lower-case hexadecimal digits from the system's random source.
std::string NewRequestId();

/// SHA-256 of `text`, hexadecimal.
std::string Sha256Hex(std::string_view text);

/// SHA-256 of the deterministic encoding of `message`, hexadecimal.
std::string DigestOf(const google::protobuf::MessageLite& message);

}  // namespace hadal::gateway
