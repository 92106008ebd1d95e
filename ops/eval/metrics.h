#pragma once

#include <map>
#include <string>
#include <vector>

#include "ops/eval/labelled_set.h"

namespace hadal::eval {

struct Passage {
  std::string document;
  std::string text;
};

/// What came back for one question.
struct Reply {
  std::vector<Passage> retrieved;  ///< best first
  bool asked = false;              ///< the fields below were filled
  std::string answer;
  bool refused = false;
  std::vector<std::string> cited;  ///< documents
};

struct Leak {
  std::string question;
  std::string what;  ///< "retrieved", "cited", "answer" or "support"
  std::string document;
};

/// Sums over questions; divide by the counts.
struct Totals {
  int questions = 0;
  std::vector<double> recall;  ///< one per k: share of the supports found whole in the first k
  double reciprocal_rank = 0;  ///< of the first passage that holds a support
  double ndcg = 0;             ///< at the largest k
  int asked = 0;
  int judged = 0;  ///< of the asked: answerable with keywords, or to be refused
  int right = 0;
  int refused = 0;

  void Add(const Totals& other);
};

struct Report {
  std::vector<int> ks;
  std::map<std::string, Totals> kinds;
  std::vector<Leak> leaks;

  Totals Answerable() const;
};

/// Adds one question's reply to the report, whose `ks` (ascending, positive) are set.
void Score(const LabelledSet& set, const Question& question, const Reply& reply, Report& report);

}  // namespace hadal::eval
