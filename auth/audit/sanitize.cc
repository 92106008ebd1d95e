#include "auth/audit/sanitize.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <vector>

#include "base/utf8.h"

namespace hadal::auth {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

void SanitizeField(Message& message, const FieldDescriptor* field) {
  const auto* reflection = message.GetReflection();
  const int count = field->is_repeated() ? reflection->FieldSize(message, field) : 1;
  for (int i = 0; i < count; ++i) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && field->is_repeated()) {
      reflection->SetRepeatedString(
          &message, field, i, SanitizeUtf8(reflection->GetRepeatedString(message, field, i)));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      reflection->SetString(&message, field, SanitizeUtf8(reflection->GetString(message, field)));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && field->is_repeated()) {
      Message* child = reflection->MutableRepeatedMessage(&message, field, i);
      std::vector<const FieldDescriptor*> fields;
      child->GetReflection()->ListFields(*child, &fields);
      for (const FieldDescriptor* child_field : fields) SanitizeField(*child, child_field);
    }
  }
}

}  // namespace

store::v1::AuditRecord WithValidText(const store::v1::AuditRecord& record) {
  store::v1::AuditRecord valid = record;
  std::vector<const FieldDescriptor*> fields;
  valid.GetReflection()->ListFields(valid, &fields);
  for (const FieldDescriptor* field : fields) SanitizeField(valid, field);
  return valid;
}

}  // namespace hadal::auth
