#include "inference/kernels/attention.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/check.h"
#include "inference/kernels/cpu/backend.h"
#include "inference/kernels/kept_memory.h"

namespace hadal::inference {
namespace {

/// What both kinds of attention are to the kernels.
struct HeadShape {
  int32_t num_heads;
  int32_t num_kv_heads;
  int32_t key_dim;
  int32_t value_dim;
  float scale;
  int32_t first_part;  ///< KvHead::first_part
  int32_t group() const { return num_heads / num_kv_heads; }
};

HeadShape HeadsOf(const AttentionShape& shape) {
  const int32_t value_dim = shape.value_dim > 0 ? shape.value_dim : shape.head_dim;
  return {shape.num_heads, shape.num_kv_heads, shape.head_dim,
          value_dim,       shape.scale,        shape.head_dim};
}

KvRow RowOf(const HeadShape& shape, KvDtype dtype) {
  const int32_t part =
      shape.first_part < shape.key_dim ? shape.key_dim - shape.first_part : shape.key_dim;
  return {dtype, shape.num_kv_heads * shape.key_dim, shape.first_part, part};
}

KvHead HeadAt(const HeadShape& shape, KvDtype dtype, int32_t kv_head) {
  const KvRow row = RowOf(shape, dtype);
  KvHead head;
  head.row_bytes = row.bytes();
  head.value_bytes = row.value_bytes();
  head.offset = int64_t{kv_head} * shape.key_dim * head.value_bytes;
  head.scale_offset = row.values * head.value_bytes + int64_t{kv_head} * 4 - head.offset;
  head.first_part = shape.first_part;
  return head;
}

void CheckShape(const HeadShape& shape, const ConstMatrixView& q, const MatrixView& out) {
  CHECK(shape.num_kv_heads > 0 && shape.num_heads % shape.num_kv_heads == 0);
  CHECK(shape.value_dim > 0 && shape.value_dim <= shape.key_dim && shape.key_dim <= kMaxHeadDim);
  CHECK(q.cols == int64_t{shape.num_heads} * shape.key_dim && out.rows == q.rows);
  CHECK(out.cols == int64_t{shape.num_heads} * shape.value_dim);
}

/// Rows of q with a cache in common. Row first_row + i sees visible + i * step positions.
struct Rows {
  PagedKv kv;
  int64_t first_row;
  int32_t num_rows;
  int32_t visible;
  int32_t step;
};

/// A unit of work: some rows of a cache, some KV heads, and of the heads that share each of them
/// all or as many as a unit takes (latent attention has one KV head for 128).
struct Unit {
  const Rows* rows;
  int32_t first_kv_head;
  int32_t num_kv_heads;
  int32_t first_head;  // in its group
  int32_t num_heads;   // of each group
  int32_t begin;       // of rows
  int32_t num_rows;

  /// That read one KV head.
  int32_t group_queries() const { return num_heads * num_rows; }
  int32_t num_queries() const { return group_queries() * num_kv_heads; }
  int64_t positions() const { return rows->visible + int64_t{begin + num_rows - 1} * rows->step; }
  int64_t state_floats(const HeadShape& shape) const {
    return num_kv_heads * AttentionStateFloats(group_queries(), shape.value_dim);
  }
  int64_t work() const { return positions() * num_queries(); }
  int64_t num_pieces() const { return (positions() + kPiecePositions - 1) / kPiecePositions; }
};

// K and V of a piece are widened once for so many queries. More share that work; fewer leave more
// units for the threads.
constexpr int64_t kMostQueries = 128;
constexpr int64_t kFewestQueries = 32;

std::vector<Unit> CutIntoUnits(const HeadShape& shape, absl::Span<const Rows> work,
                               int64_t threads) {
  int64_t queries = 0;
  for (const Rows& rows : work) queries += int64_t{rows.num_rows} * shape.num_heads;
  const auto most =
      static_cast<int32_t>(std::clamp(queries / threads, kFewestQueries, kMostQueries));
  const int32_t heads = std::min(shape.group(), most);
  std::vector<Unit> units;
  for (const Rows& rows : work) {
    if (rows.num_rows == 0) continue;
    const int32_t rows_at_once = std::min(most / heads, rows.num_rows);
    // KV heads lie side by side: who has one in reach has all, if the threads have enough to do.
    const int32_t kv_heads = std::ssize(work) < threads
                                 ? 1
                                 : std::min(most / (heads * rows_at_once), shape.num_kv_heads);
    for (int32_t row = 0; row < rows.num_rows; row += rows_at_once) {
      for (int32_t kv_head = 0; kv_head < shape.num_kv_heads; kv_head += kv_heads) {
        for (int32_t head = 0; head < shape.group(); head += heads) {
          units.push_back({&rows, kv_head, std::min(kv_heads, shape.num_kv_heads - kv_head), head,
                           std::min(heads, shape.group() - head), row,
                           std::min(rows_at_once, rows.num_rows - row)});
        }
      }
    }
  }
  // The longest first, so that no thread ends alone with one.
  std::stable_sort(units.begin(), units.end(),
                   [](const Unit& a, const Unit& b) { return a.work() > b.work(); });
  return units;
}

/// A unit as the kernels take it, one KV head after the other; runs on one thread. A state is that
/// of all its queries.
class UnitRun {
 public:
  UnitRun(const Device& device, const HeadShape& shape, const Unit& unit, ConstMatrixView q,
          MatrixView out)
      : kernels_(*device.cpu().kernels().attention),
        shape_(shape),
        unit_(unit),
        state_floats_(AttentionStateFloats(unit.group_queries(), shape.value_dim)) {
    for (int32_t k = 0; k < unit.num_kv_heads; ++k) {
      for (int32_t i = unit.begin; i < unit.begin + unit.num_rows; ++i) {
        const int64_t row = unit.rows->first_row + i;
        for (int32_t g = unit.first_head; g < unit.first_head + unit.num_heads; ++g) {
          const int64_t head = int64_t{unit.first_kv_head + k} * shape.group() + g;
          queries_.push_back(q.row(row) + head * shape.key_dim);
          outputs_.push_back(out.row(row) + head * shape.value_dim);
          if (k == 0) visible_.push_back(unit.rows->visible + i * unit.rows->step);
        }
      }
    }
    const PagedKv& kv = unit.rows->kv;
    piece_.num_queries = unit.group_queries();
    piece_.key_dim = shape.key_dim;
    piece_.value_dim = shape.value_dim;
    piece_.scale = shape.scale;
    piece_.visible = visible_.data();
    piece_.dtype = kv.dtype;
    piece_.key_blocks = kv.key_blocks.data();
    piece_.value_blocks = kv.value_blocks.empty() ? nullptr : kv.value_blocks.data();
    piece_.block_size = kv.block_size;
    thread_local KeptMemory scratch;
    piece_.scratch =
        scratch.Reserve<float>(AttentionScratchFloats(piece_.num_queries, shape.key_dim));
  }

  void Compute(int64_t piece, float* state) {
    ForEachKvHead(piece, state, [&](int64_t) { kernels_.piece(piece_); });
  }
  void Merge(int64_t piece, float* state, float* total) {
    ForEachKvHead(piece, state,
                  [&](int64_t k) { kernels_.merge(piece_, total + k * state_floats_); });
  }
  void Finish(float* total) {
    ForEachKvHead(0, total, [&](int64_t k) {
      kernels_.finish(piece_, piece_.state, outputs_.data() + k * piece_.num_queries);
    });
  }

 private:
  template <typename Body>
  void ForEachKvHead(int64_t piece, float* state, Body body) {
    piece_.begin = piece * kPiecePositions;
    for (int32_t k = 0; k < unit_.num_kv_heads; ++k) {
      piece_.head = HeadAt(shape_, piece_.dtype, unit_.first_kv_head + k);
      piece_.queries = queries_.data() + int64_t{k} * piece_.num_queries;
      piece_.state = state + k * state_floats_;
      body(k);
    }
  }

  const AttentionPart& kernels_;
  const HeadShape& shape_;
  const Unit& unit_;
  const int64_t state_floats_;
  std::vector<const float*> queries_;
  std::vector<float*> outputs_;
  std::vector<int32_t> visible_;
  AttentionPiece piece_;
};

/// Every unit from its first piece to its last one.
void RunWhole(const Device& device, const HeadShape& shape, absl::Span<const Unit> units,
              ConstMatrixView q, MatrixView out) {
  device.cpu().pool().ParallelFor(std::ssize(units), 1, [&](int64_t begin, int64_t end) {
    for (int64_t u = begin; u < end; ++u) {
      const Unit& unit = units[static_cast<size_t>(u)];
      UnitRun run(device, shape, unit, q, out);
      thread_local KeptMemory states;
      const int64_t floats = unit.state_floats(shape);
      float* total = states.Reserve<float>(2 * floats);
      run.Compute(0, total);
      for (int64_t piece = 1; piece < unit.num_pieces(); ++piece) {
        run.Compute(piece, total + floats);
        run.Merge(piece, total + floats, total);
      }
      run.Finish(total);
    }
  });
}

/// Some units, or one of them, are too long for the threads to share: they share the pieces of
/// each, a few pieces of every unit at a time, which bounds the memory. Merged in the order of
/// RunWhole().
void RunPieces(const Device& device, const HeadShape& shape, std::vector<Unit> units,
               ConstMatrixView q, MatrixView out) {
  std::stable_sort(units.begin(), units.end(),
                   [](const Unit& a, const Unit& b) { return a.num_pieces() > b.num_pieces(); });
  ThreadPool& pool = device.cpu().pool();
  int64_t floats = 0;
  for (const Unit& unit : units) floats = std::max(floats, unit.state_floats(shape));
  const int64_t wanted = 4 * pool.num_threads();  // so that none waits long for the last one
  thread_local KeptMemory kept;
  float* const totals = kept.Reserve<float>((2 * std::ssize(units) + wanted) * floats);
  float* const states = totals + std::ssize(units) * floats;
  for (int64_t first = 0, at_once = 0; !units.empty(); first += at_once) {
    const int64_t left = std::ssize(units);
    at_once = (wanted + left - 1) / left;
    const auto state_of = [&](int64_t piece, int64_t u) {
      return piece == 0 ? totals + u * floats : states + ((piece - first) * left + u) * floats;
    };
    pool.ParallelFor(left * at_once, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const Unit& unit = units[static_cast<size_t>(i % left)];
        const int64_t piece = first + i / left;
        if (piece >= unit.num_pieces()) continue;
        UnitRun(device, shape, unit, q, out).Compute(piece, state_of(piece, i % left));
      }
    });
    pool.ParallelFor(left, 1, [&](int64_t begin, int64_t end) {
      for (int64_t u = begin; u < end; ++u) {
        const Unit& unit = units[static_cast<size_t>(u)];
        UnitRun run(device, shape, unit, q, out);
        const int64_t last = std::min(first + at_once, unit.num_pieces());
        for (int64_t piece = std::max<int64_t>(first, 1); piece < last; ++piece) {
          run.Merge(piece, state_of(piece, u), totals + u * floats);
        }
        if (last == unit.num_pieces()) run.Finish(totals + u * floats);
      }
    });
    while (!units.empty() && units.back().num_pieces() <= first + at_once) units.pop_back();
  }
}

void Run(const Device& device, const HeadShape& shape, ConstMatrixView q,
         absl::Span<const Rows> work, MatrixView out) {
  CheckShape(shape, q, out);
  const int64_t threads = device.cpu().pool().num_threads();
  std::vector<Unit> units = CutIntoUnits(shape, work, threads);
  int64_t total = 0;
  int64_t longest = 0;
  int64_t pieces = 0;
  for (const Unit& unit : units) {
    total += unit.work();
    longest = std::max(longest, unit.work());
    pieces = std::max(pieces, unit.num_pieces());
  }
  if (threads > 1 && pieces > 1 && 2 * threads * longest > total) {
    RunPieces(device, shape, std::move(units), q, out);
  } else {
    RunWhole(device, shape, units, q, out);
  }
}

void CausalOverPages(const Device& device, const HeadShape& shape, ConstMatrixView q,
                     absl::Span<const CausalSlice> slices, MatrixView out) {
  std::vector<Rows> work;
  for (const CausalSlice& slice : slices) {
    const int64_t capacity = static_cast<int64_t>(slice.kv.key_blocks.size()) * slice.kv.block_size;
    CHECK(capacity >= int64_t{slice.position} + slice.num_rows);
    work.push_back({slice.kv, slice.first_row, slice.num_rows, slice.position + 1, 1});
  }
  Run(device, shape, q, work, out);
}

HeadShape HeadsOf(const LatentAttentionShape& shape) {
  return {shape.num_heads,  1,           shape.latent_dim + shape.rope_dim,
          shape.latent_dim, shape.scale, shape.latent_dim};
}

}  // namespace

void CausalAttention(const Device& device, const AttentionShape& shape, ConstMatrixView q,
                     absl::Span<const CausalSlice> slices, MatrixView out) {
  for (const CausalSlice& slice : slices) {
    CHECK(slice.kv.value_blocks.size() == slice.kv.key_blocks.size());
  }
  CausalOverPages(device, HeadsOf(shape), q, slices, out);
}

void CausalLatentAttention(const Device& device, const LatentAttentionShape& shape,
                           ConstMatrixView q, absl::Span<const CausalSlice> slices,
                           MatrixView out) {
  for (const CausalSlice& slice : slices) CHECK(slice.kv.value_blocks.empty());
  CausalOverPages(device, HeadsOf(shape), q, slices, out);
}

void BidirectionalAttention(const Device& device, const AttentionShape& shape, ConstMatrixView q,
                            ConstMatrixView k, ConstMatrixView v,
                            absl::Span<const BidirectionalSlice> slices, MatrixView out) {
  const int64_t kv_cols = int64_t{shape.num_kv_heads} * shape.head_dim;
  CHECK(k.cols == kv_cols && v.cols == kv_cols && k.rows == q.rows && v.rows == q.rows);
  CHECK(k.stride == kv_cols && v.stride == kv_cols);
  // A slice is one block whose rows lie where k and v have them.
  std::vector<const void*> blocks;
  for (const BidirectionalSlice& slice : slices) {
    blocks.push_back(k.row(slice.first_row));
    blocks.push_back(v.row(slice.first_row));
  }
  std::vector<Rows> work;
  const auto all = absl::MakeConstSpan(blocks);
  for (size_t s = 0; s < slices.size(); ++s) {
    const PagedKv kv = {all.subspan(2 * s, 1), all.subspan(2 * s + 1, 1), slices[s].num_rows,
                        KvDtype::kF32};
    work.push_back({kv, slices[s].first_row, slices[s].num_rows, slices[s].num_rows, 0});
  }
  Run(device, HeadsOf(shape), q, work, out);
}

void StoreRows(const Device& device, ConstMatrixView x, const KvRow& row,
               absl::Span<void* const> destination) {
  CHECK(static_cast<int64_t>(destination.size()) == x.rows && x.cols == row.values);
  const auto store = device.cpu().kernels().attention->store_row;
  device.cpu().pool().ParallelFor(x.rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) store(row, x.row(r), destination[static_cast<size_t>(r)]);
  });
}

void LoadLatentRows(const Device& device, const LatentAttentionShape& shape, const PagedKv& kv,
                    MatrixView out) {
  const HeadShape heads = HeadsOf(shape);
  CHECK(out.cols == heads.key_dim);
  const KvHead head = HeadAt(heads, kv.dtype, 0);
  const auto load = device.cpu().kernels().attention->load_row;
  device.cpu().pool().ParallelFor(out.rows, 64, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const void* block = kv.key_blocks[static_cast<size_t>(p / kv.block_size)];
      load(head, kv.dtype, static_cast<const uint8_t*>(block) + p % kv.block_size * head.row_bytes,
           out.cols, out.row(p));
    }
  });
}

}  // namespace hadal::inference
