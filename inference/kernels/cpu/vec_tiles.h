#pragma once

namespace hadal::inference {

/// How much a kernel keeps in registers at once, for instruction sets of sixteen registers and a
/// reference that has none. Products: kStreamRows rows of x meet weights as they lie in memory;
/// unpacked ones meet tiles of kTileRows rows and kTileGroups groups, in whole bundles of rows
/// (kMatrixTiles: by instructions for tiles). gemm_impl.h: kGemmRows rows of kGemmVecs vectors.
struct SmallTiles {
  static constexpr int kStreamRows = 2;
  static constexpr int kTileRows = 2;
  static constexpr int kTileGroups = 1;
  static constexpr bool kMatrixTiles = false;
  static constexpr int kBundleRows = kTileRows;
  static constexpr int kBundleStep = 1;
  static constexpr int kBundleGroups = kTileGroups;
  static constexpr int kGemmRows = 2;
  static constexpr int kGemmVecs = 2;
};

}  // namespace hadal::inference
