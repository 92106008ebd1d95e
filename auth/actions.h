#pragma once

#include <array>
#include <string_view>

/// Everything a principal can be allowed to do, one name per decision. A role's permissions are
/// these names, or "<area>.*" for a whole area; the built-in roles are tabled in auth/README.md.
namespace hadal::auth::actions {

inline constexpr std::string_view kAssistantAsk = "assistant.ask";
inline constexpr std::string_view kModelChat = "model.chat";
inline constexpr std::string_view kModelEmbed = "model.embed";
inline constexpr std::string_view kModelList = "model.list";
// An area of its own: roles that hold "model.*" use models and change nothing.
inline constexpr std::string_view kModelStoreList = "model_store.list";  ///< what is not served too
inline constexpr std::string_view kModelStoreImport = "model_store.import";
inline constexpr std::string_view kModelStoreVerify = "model_store.verify";
inline constexpr std::string_view kModelStoreLoad = "model_store.load";
inline constexpr std::string_view kModelStoreUnload = "model_store.unload";
inline constexpr std::string_view kModelStoreRemove = "model_store.remove";
inline constexpr std::string_view kKnowledgeSearch = "knowledge.search";
inline constexpr std::string_view kKnowledgeList = "knowledge.list";      ///< bases and documents
inline constexpr std::string_view kKnowledgeCreate = "knowledge.create";  ///< a knowledge base
inline constexpr std::string_view kKnowledgeDelete = "knowledge.delete";  ///< a knowledge base
inline constexpr std::string_view kKnowledgeAdd = "knowledge.add";        ///< a document
inline constexpr std::string_view kKnowledgeRemove = "knowledge.remove";  ///< a document
// An area of its own: an export holds documents of every label.
inline constexpr std::string_view kKnowledgeStoreExport = "knowledge_store.export";
inline constexpr std::string_view kKnowledgeStoreImport = "knowledge_store.import";
inline constexpr std::string_view kKnowledgeStorePurge = "knowledge_store.purge";
inline constexpr std::string_view kKnowledgeStoreVerify = "knowledge_store.verify";
inline constexpr std::string_view kKnowledgeStoreStats = "knowledge_store.stats";  ///< any label
inline constexpr std::string_view kKnowledgeStoreSnapshot = "knowledge_store.snapshot";
inline constexpr std::string_view kUserCreate = "user.create";
inline constexpr std::string_view kUserList = "user.list";
inline constexpr std::string_view kUserRevoke = "user.revoke";
inline constexpr std::string_view kKeyCreate = "key.create";
inline constexpr std::string_view kKeyList = "key.list";
inline constexpr std::string_view kKeyRevoke = "key.revoke";
inline constexpr std::string_view kRoleCreate = "role.create";
inline constexpr std::string_view kRoleList = "role.list";
inline constexpr std::string_view kRoleRevoke = "role.revoke";
inline constexpr std::string_view kStatusRead = "status.read";
inline constexpr std::string_view kAuditList = "audit.list";
inline constexpr std::string_view kAuditVerify = "audit.verify";
inline constexpr std::string_view kAuditExport = "audit.export";
inline constexpr std::string_view kAuditProve = "audit.prove";

inline constexpr std::array kAll = {
    kAssistantAsk,    kModelChat,       kModelEmbed,   kModelList,       kKnowledgeSearch,
    kKnowledgeList,   kKnowledgeCreate, kKnowledgeDelete, kKnowledgeAdd, kKnowledgeRemove,
    kUserCreate,      kUserList,        kUserRevoke,   kKeyCreate,       kKeyList,
    kKeyRevoke,       kRoleCreate,      kRoleList,     kRoleRevoke,      kStatusRead,
    kAuditList,       kAuditVerify,     kAuditExport,  kAuditProve,      kModelStoreList,
    kModelStoreImport, kModelStoreVerify, kModelStoreLoad, kModelStoreUnload, kModelStoreRemove,
    kKnowledgeStoreExport, kKnowledgeStoreImport, kKnowledgeStorePurge, kKnowledgeStoreVerify,
    kKnowledgeStoreStats, kKnowledgeStoreSnapshot};

}  // namespace hadal::auth::actions
