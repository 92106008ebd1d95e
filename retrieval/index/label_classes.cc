#include "retrieval/index/label_classes.h"

#include <algorithm>

#include "base/check.h"

namespace hadal::retrieval {
namespace {

void AppendSet(std::vector<std::string>& names, std::string& key) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  key += std::to_string(names.size());
  for (const std::string& name : names) {
    key += ';';
    key += std::to_string(name.size());
    key += ':';
    key += name;
  }
  key += '|';
}

}  // namespace

std::string CanonicalKey(Classification level, std::vector<std::string> compartments,
                         std::vector<std::string> groups) {
  std::string key = std::to_string(static_cast<int>(level)) + '|';
  AppendSet(compartments, key);
  AppendSet(groups, key);
  return key;
}

uint32_t LabelClasses::Add(const Label& label, uint32_t first, uint32_t end, uint64_t terms) {
  const auto [it, inserted] =
      ids_.emplace(CanonicalKey(label.classification, label.compartments, label.groups),
                   static_cast<uint32_t>(classes_.size()));
  if (inserted) classes_.push_back({label, {}, 0});
  Class& own = classes_[it->second];
  own.slots.addRange(first, end);
  own.terms += terms;
  return it->second;
}

void LabelClasses::Remove(uint32_t class_id, uint32_t slot, uint32_t length) {
  CHECK(class_id < classes_.size());
  Class& own = classes_[class_id];
  CHECK(own.slots.removeChecked(slot));
  own.terms -= length;
}

LabelClasses::Opened LabelClasses::Open(const AccessFilter& filter) const {
  Opened opened;
  for (const Class& own : classes_) {
    if (own.slots.isEmpty() || !filter.Allows(own.label)) continue;
    opened.slots |= own.slots;
    opened.statistics.terms += own.terms;
  }
  opened.statistics.chunks = opened.slots.cardinality();
  return opened;
}

}  // namespace hadal::retrieval
