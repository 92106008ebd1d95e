#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "retrieval/index/segment_file.h"
#include "retrieval/value_cipher.h"

namespace hadal::retrieval {

/// Seals the files of a base's index with the base's key. A part opens in its own base, file and
/// section only. Thread-safe.
class BaseKeyCipher final : public SectionCipher {
 public:
  BaseKeyCipher(std::shared_ptr<ValueCipher> cipher, uint32_t base)
      : cipher_(std::move(cipher)), base_(base) {}

  StatusOr<std::string> Seal(std::string_view context, std::string_view plain) const override;
  StatusOr<std::string> Open(std::string_view context, std::string_view sealed) const override;

 private:
  std::string KeyOf(std::string_view context) const;

  const std::shared_ptr<ValueCipher> cipher_;
  const uint32_t base_;
};

}  // namespace hadal::retrieval
