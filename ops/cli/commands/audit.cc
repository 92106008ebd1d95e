#include <google/protobuf/util/json_util.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "base/subprocess.h"
#include "hadal/v1/audit.grpc.pb.h"
#include "ops/cli/connection.h"
#include "ops/cli/invocation.h"
#include "ops/cli/output.h"

namespace hadal::cli {
namespace {

StatusOr<nlohmann::json> ToJson(const v1::AuditEntry& entry) {
  std::string text;
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  if (!google::protobuf::util::MessageToJsonString(entry.record(), &text, options).ok()) {
    return Internal("audit record {} cannot be written as JSON", entry.index());
  }
  return nlohmann::json{{"index", entry.index()},
                        {"leaf_hash", entry.leaf_hash()},
                        {"record", nlohmann::json::parse(text)}};
}

struct ListOptions {
  int64_t start = 0;
  int limit = 50;
  bool oldest_first = false;
  std::string principal;
};

Status RunLs(const Invocation& invocation, const ListOptions& options) {
  v1::ListRecordsRequest request;
  request.set_start(static_cast<uint64_t>(options.start));
  request.set_limit(options.limit);
  request.set_newest_first(!options.oldest_first);
  request.set_principal(options.principal);
  ASSIGN_OR_RETURN(const v1::ListRecordsResponse response,
                   Call<v1::Audit>(invocation, &v1::Audit::Stub::ListRecords, request));
  nlohmann::json json = nlohmann::json::array();
  std::vector<std::vector<std::string>> rows;
  for (const v1::AuditEntry& entry : response.entries()) {
    ASSIGN_OR_RETURN(nlohmann::json item, ToJson(entry));
    json.push_back(std::move(item));
    const store::v1::AuditRecord& record = entry.record();
    rows.push_back({std::to_string(entry.index()), FormatTime(record.time_unix_ms()),
                    record.principal().empty() ? "-" : record.principal(), record.method(),
                    record.outcome(), record.resource(), record.reason()});
  }
  if (invocation.json) {
    PrintJson({{"entries", json}, {"tree_size", response.tree_size()}});
  } else {
    PrintTable({"INDEX", "TIME (UTC)", "PRINCIPAL", "METHOD", "OUTCOME", "RESOURCE", "REASON"},
               rows);
  }
  return OkStatus();
}

// The files alone, by a program that links nothing but the audit code.
Status VerifyOffline(const Invocation& invocation) {
  ASSIGN_OR_RETURN(Subprocess verifier,
                   Subprocess::Start({.argv = {invocation.bin_folder + "/hadal-verify",
                                               invocation.data + "/audit", "-o",
                                               invocation.json ? "json" : "table"}}));
  const int ended = *verifier.Wait();
  if (ended != 0) {
    return DataLoss("the audit log in {}/audit does not hold ({})", invocation.data,
                    DescribeWaitStatus(ended));
  }
  return OkStatus();
}

Status RunVerify(const Invocation& invocation, bool offline) {
  if (offline) return VerifyOffline(invocation);
  ASSIGN_OR_RETURN(const v1::VerifyResponse response,
                   Call<v1::Audit>(invocation, &v1::Audit::Stub::Verify, v1::VerifyRequest(),
                                   absl::Minutes(30)));
  if (invocation.json) {
    PrintJson({{"ok", response.ok()},
               {"records", response.records()},
               {"root_hash", response.root_hash()},
               {"problems",
                std::vector<std::string>(response.problems().begin(), response.problems().end())}});
  } else {
    std::printf("%s  %llu records  root %s\n", response.ok() ? "holds" : "DOES NOT HOLD",
                static_cast<unsigned long long>(response.records()), response.root_hash().c_str());
    for (const std::string& problem : response.problems()) {
      std::printf("  %s\n", Printable(problem).c_str());
    }
  }
  return response.ok() ? OkStatus() : DataLoss("the audit log does not hold");
}

Status RunExport(const Invocation& invocation, const std::string& out) {
  ASSIGN_OR_RETURN(const auto connection, Connection::Open(invocation));
  const auto stub = v1::Audit::NewStub(connection->channel());
  grpc::ClientContext context;
  connection->Prepare(context, absl::Hours(1));
  const auto reader = stub->Export(&context, v1::ExportRequest());
  std::FILE* file = out == "-" ? stdout : std::fopen(out.c_str(), "we");
  if (file == nullptr) return ErrnoStatus("cannot write", out);
  v1::ExportResponse part;
  Status status = OkStatus();
  while (status.ok() && reader->Read(&part)) {
    for (const v1::AuditEntry& entry : part.entries()) {
      const StatusOr<nlohmann::json> json = ToJson(entry);
      if (!json.ok()) {
        status = json.status();
      } else if (std::fprintf(file, "%s\n", json->dump().c_str()) < 0) {
        status = ErrnoStatus("cannot write", out);
      }
    }
  }
  if (!status.ok()) context.TryCancel();
  const grpc::Status ended = reader->Finish();
  if (file != stdout && std::fclose(file) != 0 && status.ok()) {
    status = ErrnoStatus("cannot write", out);
  }
  if (!status.ok()) return status;
  return ended.ok() ? OkStatus() : CallError(ended);
}

}  // namespace

void AddAudit(CLI::App& app, Invocation& invocation) {
  CLI::App* audit = app.add_subcommand("audit", "The append-only record of every request");
  audit->require_subcommand(1);

  auto list = std::make_shared<ListOptions>();
  CLI::App* ls = audit->add_subcommand("ls", "List records, newest first");
  ls->add_option("--start", list->start, "First index (with --oldest-first)")
      ->check(CLI::NonNegativeNumber);
  ls->add_option("-n,--limit", list->limit, "Records")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  ls->add_flag("--oldest-first", list->oldest_first);
  ls->add_option("--principal", list->principal, "Only this user's");
  ls->footer("Example:\n  hadal audit ls -n 20 --principal li.wei");
  ls->callback([&invocation, list] {
    invocation.run = [&invocation, list] { return RunLs(invocation, *list); };
  });

  auto offline = std::make_shared<bool>(false);
  CLI::App* verify = audit->add_subcommand("verify", "Recompute every leaf and the whole tree");
  verify->add_flag("--offline", *offline, "From the files under --data, without the gateway");
  verify->footer("Example:\n  hadal audit verify --offline --data /srv/hadal");
  verify->callback([&invocation, offline] {
    invocation.run = [&invocation, offline] { return RunVerify(invocation, *offline); };
  });

  auto out = std::make_shared<std::string>("-");
  CLI::App* export_command = audit->add_subcommand("export", "All records as JSON lines");
  export_command->add_option("--out", *out, "File; - is standard output")->capture_default_str();
  export_command->footer("Example:\n  hadal audit export --out audit.jsonl");
  export_command->callback([&invocation, out] {
    invocation.run = [&invocation, out] { return RunExport(invocation, *out); };
  });
}

}  // namespace hadal::cli
