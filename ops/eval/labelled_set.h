#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"

namespace hadal::eval {

/// A passage that holds a part of the answer: a sentence, or the cells of a table row.
struct Support {
  std::string document;
  std::string text;
  std::vector<std::string> cells;  ///< where given, they are looked for one by one, not `text`
};

/// Every group must be found, by any one of its spellings.
using Keywords = std::vector<std::vector<std::string>>;

struct Question {
  std::string id;
  std::string text;
  std::string kind;       ///< "fact", "table", ...; "unanswerable" and "forbidden" must be refused
  std::string principal;  ///< the user who asks; empty: whoever runs the evaluation
  std::vector<std::string> documents;  ///< that hold the answer
  std::vector<Support> support;        ///< empty: any passage of `documents` counts
  Keywords answer_keywords;            ///< empty: answers are not judged
  Keywords forbidden_keywords;         ///< in no answer to this principal

  bool forbidden() const { return kind == "forbidden"; }
  bool answerable() const { return !forbidden() && kind != "unanswerable"; }
};

/// A labelled set as ops/eval/README.md describes it.
struct LabelledSet {
  std::vector<Question> questions;
  /// What a document may be called (id, file, base name of the file) to its id.
  std::map<std::string, std::string> names;
  /// By principal, the ids of what he may read. Empty: not known, and not checked.
  std::map<std::string, std::set<std::string>> access;

  /// The id of a document by any of its names; an unknown name stands for itself.
  const std::string& IdOf(const std::string& name) const;
};

/// Reads questions (JSON lines), and manifest.jsonl and access.jsonl beside them where they are.
/// INVALID_ARGUMENT naming file and line of what is no such record; NOT_FOUND without the file.
StatusOr<LabelledSet> ReadLabelledSet(const std::string& questions_path);

}  // namespace hadal::eval
