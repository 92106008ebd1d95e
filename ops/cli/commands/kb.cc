#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "hadal/v1/knowledge.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

nlohmann::json ToJson(const v1::KnowledgeBase& base) {
  return {{"id", base.id()},
          {"description", base.description()},
          {"documents", base.documents()},
          {"chunks", base.chunks()},
          {"created_unix_ms", base.created_unix_ms()},
          {"keep_versions", base.keep_versions()},
          {"encryption", base.encryption()}};
}

std::vector<std::string> Strings(const google::protobuf::RepeatedPtrField<std::string>& field) {
  return {field.begin(), field.end()};
}

Status RunCreate(const Invocation& invocation, const std::string& id,
                 const std::string& description) {
  v1::CreateKnowledgeBaseRequest request;
  request.set_id(id);
  request.set_description(description);
  ASSIGN_OR_RETURN(
      const v1::KnowledgeBase base,
      Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::CreateKnowledgeBase, request));
  if (invocation.json) {
    PrintJson(ToJson(base));
  } else {
    std::printf("created  %s\n", Printable(base.id()).c_str());
  }
  return OkStatus();
}

Status RunLs(const Invocation& invocation) {
  ASSIGN_OR_RETURN(const v1::ListKnowledgeBasesResponse response,
                   Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::ListKnowledgeBases,
                                       v1::ListKnowledgeBasesRequest()));
  nlohmann::json json = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows;
  for (const v1::KnowledgeBase& base : response.knowledge_bases()) {
    json.push_back(ToJson(base));
    rows.push_back({base.id(), std::to_string(base.documents()), std::to_string(base.chunks()),
                    base.encryption().empty() ? "none" : base.encryption(),
                    FormatTime(base.created_unix_ms()), base.description()});
  }
  if (invocation.json) {
    PrintJson({{"knowledge_bases", json}});
  } else {
    PrintTable({"ID", "DOCUMENTS", "CHUNKS", "ENCRYPTION", "CREATED (UTC)", "DESCRIPTION"}, rows);
  }
  return OkStatus();
}

nlohmann::json ReceiptJson(const v1::DeletionReceipt& receipt) {
  return {{"sequence", receipt.sequence()},
          {"removed_unix_ms", receipt.removed_unix_ms()},
          {"versions", std::vector<int32_t>(receipt.versions().begin(), receipt.versions().end())},
          {"chunks", receipt.chunks()},
          {"file_sha256", Strings(receipt.file_sha256())},
          {"gone_at_generation", receipt.gone_at_generation()}};
}

Status RunRm(const Invocation& invocation, const std::string& id, const std::string& document) {
  nlohmann::json json;
  if (document.empty()) {
    v1::DeleteKnowledgeBaseRequest request;
    request.set_id(id);
    ASSIGN_OR_RETURN(
        const v1::DeleteKnowledgeBaseResponse response,
        Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::DeleteKnowledgeBase, request));
    json = {{"knowledge_base", id},
            {"documents_removed", response.documents_removed()},
            {"receipt", ReceiptJson(response.receipt())}};
  } else {
    v1::DeleteDocumentRequest request;
    request.set_knowledge_base(id);
    request.set_document_id(document);
    ASSIGN_OR_RETURN(
        const v1::DeleteDocumentResponse response,
        Call<v1::Knowledge>(invocation, &v1::Knowledge::Stub::DeleteDocument, request));
    json = {{"knowledge_base", id},
            {"document", document},
            {"chunks_removed", response.chunks_removed()},
            {"receipt", ReceiptJson(response.receipt())}};
  }
  if (invocation.json) {
    PrintJson(json);
  } else {
    std::printf("removed  %s%s%s  (receipt %s)\n", id.c_str(), document.empty() ? "" : "/",
                Printable(document).c_str(), json["receipt"]["sequence"].dump().c_str());
  }
  return OkStatus();
}

}  // namespace

void AddKb(CLI::App& app, Invocation& invocation) {
  CLI::App* kb = app.add_subcommand("kb", "Knowledge bases and their documents");
  kb->require_subcommand(1);
  auto id = std::make_shared<std::string>();
  auto extra = std::make_shared<std::string>();

  CLI::App* create = kb->add_subcommand("create", "Make an empty knowledge base");
  create->add_option("KB", *id, "Its id: [a-z0-9][a-z0-9_-]*")->required();
  create->add_option("--description", *extra, "What it holds");
  create->footer("Example:\n  hadal kb create manuals --description \"Operating manuals\"");
  create->callback([&invocation, id, extra] {
    invocation.run = [&invocation, id, extra] { return RunCreate(invocation, *id, *extra); };
  });

  CLI::App* ls = kb->add_subcommand("ls", "List knowledge bases");
  ls->footer("Example:\n  hadal kb ls -o json");
  ls->callback([&invocation] { invocation.run = [&invocation] { return RunLs(invocation); }; });

  CLI::App* rm = kb->add_subcommand("rm", "Remove a document, or the whole base with --all");
  auto all = std::make_shared<bool>(false);
  rm->add_option("KB", *id)->required();
  CLI::Option* document = rm->add_option("DOCUMENT", *extra, "Id of the document");
  rm->add_flag("--all", *all, "Remove the knowledge base with everything in it")
      ->excludes(document);
  rm->footer("Examples:\n  hadal kb rm manuals pump-7\n  hadal kb rm manuals --all");
  rm->callback([&invocation, id, extra, all] {
    invocation.run = [&invocation, id, extra, all]() -> Status {
      if (extra->empty() && !*all) {
        return InvalidArgument("name a DOCUMENT, or give --all to remove the knowledge base {}",
                               *id);
      }
      return RunRm(invocation, *id, *extra);
    };
  });

  AddKbUpdate(*kb, invocation);
  AddKbAdd(*kb, invocation);
  AddKbLsDocs(*kb, invocation);
  AddKbSearch(*kb, invocation);
  AddKbEval(*kb, invocation);
  AddKbVersions(*kb, invocation);
  AddKbReparse(*kb, invocation);
  AddKbDuplicates(*kb, invocation);
  AddKbStats(*kb, invocation);
  AddKbExport(*kb, invocation);
  AddKbImport(*kb, invocation);
  AddKbPurge(*kb, invocation);
  AddKbVerifyDeleted(*kb, invocation);
  AddKbSnapshot(*kb, invocation);
}

}  // namespace hadal::cli
