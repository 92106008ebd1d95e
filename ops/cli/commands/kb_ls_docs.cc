#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/document_state.h"
#include "ops/cli/field_match.h"
#include "ops/cli/invocation.h"
#include "ops/cli/labels.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

struct Options {
  std::string kb;
  std::vector<std::string> fields;
  std::string state;
  bool details = false;
};

std::vector<std::string> Strings(const google::protobuf::RepeatedPtrField<std::string>& field) {
  return {field.begin(), field.end()};
}

nlohmann::json VersionJson(const v1::Document& doc) {
  nlohmann::json fields = nlohmann::json::object();
  for (const v1::DocumentField& field : doc.fields()) fields[field.name()] = field.value();
  return {{"id", doc.id()},
          {"title", doc.title()},
          {"file", doc.file_name()},
          {"format", doc.format()},
          {"version", doc.version()},
          {"state", StateName(doc.state())},
          {"in_force", doc.in_force()},
          {"chunks", doc.chunks()},
          {"chunks_pending", doc.chunks_pending()},
          {"embedding_status", EmbeddingStatus(doc.chunks_pending())},
          {"pages", doc.pages()},
          {"characters", doc.characters()},
          {"bytes", doc.size_bytes()},
          {"sha256", doc.sha256()},
          {"added_unix_ms", doc.added_unix_ms()},
          {"attempts", doc.attempts()},
          {"parse_ms", doc.parse_ms()},
          {"embed_ms", doc.embed_ms()},
          {"fields", fields},
          {"warnings", Strings(doc.warnings())},
          {"classification", ClassificationName(doc.label().classification())},
          {"compartments", Strings(doc.label().compartments())},
          {"groups", Strings(doc.label().groups())}};
}

nlohmann::json UploadJson(const v1::Document& doc) {
  const v1::Upload& upload = doc.upload();
  return {{"id", doc.id()},
          {"state", StateName(upload.state())},
          {"reason_code", upload.reason_code()},
          {"reason", upload.reason()},
          {"attempts", upload.attempts()},
          {"bytes", upload.size_bytes()},
          {"sha256", upload.sha256()},
          {"received_unix_ms", upload.received_unix_ms()},
          {"changed_unix_ms", upload.changed_unix_ms()}};
}

std::string Seconds(int64_t milliseconds) {
  return fmt::format("{:.1f} s", static_cast<double>(milliseconds) / 1000);
}

// A file that is no version yet, or never became one.
std::string UploadState(const v1::Upload& upload) {
  std::string state = StateName(upload.state());
  if (!upload.reason_code().empty()) {
    state += fmt::format(" ({}: {})", upload.reason_code(), upload.reason());
  }
  return state;
}

/// Gathers what is printed, as JSON or as rows.
class Listing {
 public:
  Listing(bool details, v1::DocumentState state) : details_(details), state_(state) {}

  void Add(const v1::Document& doc) {
    if (doc.has_upload() && Wanted(doc.upload().state())) AddUpload(doc);
    if (doc.version() > 0 && Wanted(v1::DOCUMENT_STATE_VISIBLE)) AddVersion(doc);
  }

  void Print(bool json) const {
    if (json) {
      PrintJson({{"documents", documents_}, {"uploads", uploads_}});
      return;
    }
    std::vector<std::string> header = {"ID",    "FORMAT",         "VERSION", "CHUNKS",
                                       "STATE", "CLASSIFICATION", "GROUPS",  "TITLE"};
    if (details_) header.insert(header.end() - 1, {"SINCE (UTC)", "ATTEMPTS", "READ", "EMBEDDED"});
    PrintTable(header, rows_);
  }

 private:
  bool Wanted(v1::DocumentState state) const {
    return state_ == v1::DOCUMENT_STATE_UNSPECIFIED || state_ == state;
  }

  void AddVersion(const v1::Document& doc) {
    documents_.push_back(VersionJson(doc));
    AddRow(doc,
           {doc.id(), doc.format(), std::to_string(doc.version()), std::to_string(doc.chunks()),
            DocumentState(doc.chunks(), doc.chunks_pending())},
           doc.label(),
           {FormatTime(doc.added_unix_ms()), std::to_string(doc.attempts()),
            Seconds(doc.parse_ms()), Seconds(doc.embed_ms())});
  }

  void AddUpload(const v1::Document& doc) {
    const v1::Upload& upload = doc.upload();
    uploads_.push_back(UploadJson(doc));
    const int64_t since =
        upload.changed_unix_ms() == 0 ? upload.received_unix_ms() : upload.changed_unix_ms();
    AddRow(doc, {doc.id(), "-", "-", "-", UploadState(upload)}, upload.label(),
           {FormatTime(since), std::to_string(upload.attempts()), "-", "-"});
  }

  void AddRow(const v1::Document& doc, std::vector<std::string> row, const v1::Label& label,
              const std::vector<std::string>& details) {
    row.push_back(ClassificationName(label.classification()));
    row.push_back(JoinOrDash(Strings(label.groups())));
    if (details_) row.insert(row.end(), details.begin(), details.end());
    row.push_back(doc.title());
    rows_.push_back(std::move(row));
  }

  const bool details_;
  const v1::DocumentState state_;  // unspecified: every
  nlohmann::json documents_ = nlohmann::json::array();
  nlohmann::json uploads_ = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows_;
};

Status RunLsDocs(const Invocation& invocation, const Options& options) {
  v1::ListDocumentsRequest request;
  request.set_knowledge_base(options.kb);
  request.set_page_size(1000);
  for (const std::string& field : options.fields) {
    ASSIGN_OR_RETURN(*request.add_fields(), ParseFieldMatch(field));
  }
  if (!options.state.empty()) {
    ASSIGN_OR_RETURN(const v1::DocumentState state, ParseState(options.state));
    request.set_state(state);
  }
  Listing listing(options.details, request.state());
  do {
    ASSIGN_OR_RETURN(const v1::ListDocumentsResponse page,
                     Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::ListDocuments, request));
    for (const v1::Document& doc : page.documents()) listing.Add(doc);
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  listing.Print(invocation.json);
  return OkStatus();
}

}  // namespace

void AddKbLsDocs(CLI::App& kb, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* docs = kb.add_subcommand("ls-docs", "List the documents you may read");
  docs->add_option("KB", options->kb)->required();
  docs->add_option("--field", options->fields, "Only those with NAME=VALUE; may be repeated")
      ->allow_extra_args(false)
      ->check([](const std::string& text) {
        const StatusOr<v1::FieldMatch> field = ParseFieldMatch(text);
        return field.ok() ? std::string() : StatusMessage(field.status());
      });
  docs->add_option("--state", options->state, "Only those in this state")
      ->check(CLI::IsMember(StateNames()));
  docs->add_flag("-l,--long", options->details, "With attempts and timings");
  docs->footer(
      "A large document is searchable by its words at once; \"embedding 40 %\" tells how far it\n"
      "is to being searchable by its meaning too. A file that waits to be read, or could not be\n"
      "read, has a line of its own with the reason. A VALUE is given as the document has it.\n\n"
      "Examples:\n  hadal kb ls-docs manuals\n  hadal kb ls-docs manuals --state failed -l\n"
      "  hadal kb ls-docs manuals --field document_number=云数发〔2025〕27号");
  docs->callback([&invocation, options] {
    invocation.run = [&invocation, options] { return RunLsDocs(invocation, *options); };
  });
}

}  // namespace hadal::cli
