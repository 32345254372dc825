// Which step of a workflow can follow which: for checks, before anything runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "arazzo/document.h"
#include "arazzo/internal/document_reader.h"

namespace tarn::arazzo {

// The steps of one workflow and every way between them: the order of the document, gotos of both
// kinds, and the steps that a retry runs first. Criteria are not looked at: what they may allow
// counts as possible.
class Flow {
 public:
  explicit Flow(const Workflow& workflow);

  bool CanRun(size_t step) const { return from_start_[step]; }
  // Whether `earlier` can have run when `later` begins (that is, on some way before it).
  bool CanPrecede(size_t earlier, size_t later) const;
  // Whether some way leads from the step to the end of the workflow, failures not counted.
  bool CanEnd(size_t step) const { return to_end_[step]; }
  const std::vector<size_t>& next(size_t step) const { return next_[step]; }

 private:
  void Connect(const Workflow& workflow, size_t step);
  void ConnectActions(const Workflow& workflow, size_t step, bool success);
  std::vector<bool> Reached(const std::vector<std::vector<size_t>>& edges,
                            std::vector<size_t> from) const;

  std::vector<std::vector<size_t>> next_;
  std::vector<bool> ends_;
  std::vector<bool> from_start_;
  std::vector<bool> to_end_;
  // By the earlier step, made when first asked for: the steps that can follow it.
  mutable std::vector<std::vector<bool>> after_;
};

// Warns of steps that cannot run, of actions behind one that always holds, and of loops that only
// a failure leaves.
void CheckFlow(const Workflow& workflow, const Flow& flow, Complaints* complaints);

}  // namespace tarn::arazzo
