#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "retrieval/parse/characters.h"
#include "retrieval/parse/charset.h"
#include "retrieval/parse/formats.h"
#include "retrieval/parse/mime_part.h"

namespace hadal::retrieval {
namespace {

constexpr int kMaxMailsInMails = 3;
constexpr int kMaxFiles = 64;
constexpr int64_t kMaxFileBytes = int64_t{64} << 20;

bool IsMail(const MimePart& part) { return part.type.value == "message/rfc822"; }

/// Text that belongs to the mail itself rather than to a file it carries.
bool IsBody(const MimePart& part) {
  return part.disposition.value != "attachment" && part.FileName().empty() &&
         (part.type.value == "text/plain" || part.type.value == "text/html");
}

class MailReader {
 public:
  MailReader(DocumentBuilder& builder, NestedFiles& nested) : builder_(builder), nested_(nested) {}

  void Read(const MimePart& mail) {
    ReadHeader(mail.header);
    ReadPart(mail);
    // After all of the body, which may go on behind an attachment.
    for (const MimePart* part : attachments_) {
      if (builder_.full() || nested_.too_many) break;
      ReadAttachment(*part);
    }
    if (pictures_ > 0) {
      builder_.Warn(fmt::format("{} pictures inside the mail's text were left out", pictures_));
    }
  }

 private:
  void ReadHeader(const std::vector<MimeField>& header) {
    const std::string subject = DecodeFieldText(FieldValue(header, "subject"));
    builder_.SetTitle(subject);
    builder_.AddHeading(subject, 1);
    static constexpr std::pair<std::string_view, std::string_view> kShown[] = {
        {"from", "From"}, {"to", "To"}, {"cc", "Cc"}, {"date", "Date"}};
    for (const auto& [name, shown] : kShown) {
      const std::string value = DecodeFieldText(FieldValue(header, name));
      if (HasVisible(value)) builder_.AddParagraph(fmt::format("{}: {}", shown, value));
    }
  }

  void ReadPart(const MimePart& part) {
    if (builder_.full()) return;
    if (part.type.value == "multipart/alternative") {
      ReadAlternative(part);
    } else if (part.type.value == "multipart/signed") {
      ReadPart(part.parts[0]);  // the other part is the signature
    } else if (part.IsMultipart()) {
      for (const MimePart& child : part.parts) ReadPart(child);
    } else if (IsBody(part)) {
      ReadBody(part);
    } else if (part.type.value.starts_with("image/") && part.disposition.value != "attachment") {
      ++pictures_;
    } else if (!part.FileName().empty() || IsMail(part) || part.disposition.value == "attachment" ||
               part.type.value.starts_with("application/")) {
      attachments_.push_back(&part);
    } else {
      builder_.Warn(fmt::format("a part of type {} was left out", part.type.value));
    }
  }

  /// The same text in several forms, plainest first: the last that yields text is taken. An
  /// invitation (.ics) among them is a file, not the text.
  void ReadAlternative(const MimePart& part) {
    for (auto form = part.parts.rbegin(); form != part.parts.rend(); ++form) {
      const int32_t blocks = builder_.num_blocks();
      ReadPart(*form);
      if (builder_.num_blocks() > blocks) return;
    }
  }

  void ReadBody(const MimePart& part) {
    const StatusOr<DecodedText> text = DecodeDeclared(part.Bytes(), part.type.Parameter("charset"));
    if (!text.ok()) {
      builder_.Warn(
          fmt::format("a text of the mail was left out: {}", StatusMessage(text.status())));
    } else if (part.type.value == "text/html") {
      AppendHtml(text->utf8, builder_);
    } else {
      AppendText(text->utf8, builder_);
    }
  }

  void ReadAttachment(const MimePart& part) {
    std::string content = part.Bytes();
    nested_.bytes += static_cast<int64_t>(content.size());
    if (++nested_.files > kMaxFiles || nested_.bytes > kMaxFileBytes) {
      nested_.too_many = true;
      return;
    }
    if (part.type.value.starts_with("text/")) {
      StatusOr<DecodedText> text = DecodeDeclared(content, part.type.Parameter("charset"));
      if (text.ok()) content = std::move(text->utf8);
    }
    std::string name(part.FileName());
    if (name.empty()) name = IsMail(part) ? "mail.eml" : "unnamed";
    builder_.AddHeading("Attachment: " + name, 1);
    ++nested_.depth;
    const ParseOutcome outcome =
        IsMail(part) ? ParseEml(content, nested_) : ParseNested(name, content, nested_);
    --nested_.depth;
    if (outcome.has_document()) {
      builder_.AddDocument(outcome.document(), name);
    } else {
      builder_.Warn(fmt::format("the attachment {} was not read ({}): {}", name,
                                outcome.rejection().code(), outcome.rejection().message()));
    }
  }

  DocumentBuilder& builder_;
  NestedFiles& nested_;
  std::vector<const MimePart*> attachments_;
  int pictures_ = 0;
};

}  // namespace

ParseOutcome ParseEml(std::string_view content, NestedFiles& nested) {
  if (nested.depth > kMaxMailsInMails) {
    return Rejection("too_deep",
                     fmt::format("mails are attached to mails more than {} levels deep; "
                                 "add the inner ones by themselves",
                                 kMaxMailsInMails));
  }
  const StatusOr<MimePart> mail = ReadMime(content);
  if (!mail.ok()) {
    const bool deep = mail.status().code() == StatusCode::kOutOfRange;
    return Rejection(deep ? "too_deep" : "too_many_entries", StatusMessage(mail.status()));
  }
  DocumentBuilder builder("eml");
  MailReader(builder, nested).Read(*mail);
  if (nested.too_many) {
    return Rejection(
        "too_many_entries",
        fmt::format("the mail carries more than {} files or {} MiB of them; add them by "
                    "themselves",
                    kMaxFiles, kMaxFileBytes >> 20));
  }
  return builder.Finish("empty", "the mail has no text");
}

}  // namespace hadal::retrieval
