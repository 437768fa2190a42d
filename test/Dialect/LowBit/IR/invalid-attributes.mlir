// RUN: gpfq-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{alphabet 'mid_tread' takes 1 value(s), got 2}}
#alphabet = #lowbit.alphabet<mid_tread, [1, 2]>

// -----

// expected-error @+1 {{mid_tread takes K in 1..127, got 0}}
#alphabet = #lowbit.alphabet<mid_tread, [0]>

// -----

// expected-error @+1 {{mid_rise takes K in 1..64 (levels up to 127), got 65}}
#alphabet = #lowbit.alphabet<mid_rise, [65]>

// -----

// expected-error @+1 {{alphabet 'range' takes 2 value(s), got 1}}
#alphabet = #lowbit.alphabet<range, [3]>

// -----

// expected-error @+1 {{range takes -128 <= lo < hi <= 127, got 3 and 3}}
#alphabet = #lowbit.alphabet<range, [3, 3]>

// -----

// expected-error @+1 {{an alphabet needs at least two levels}}
#alphabet = #lowbit.alphabet<levels, [3]>

// -----

// expected-error @+1 {{levels must be strictly ascending, got 4 before 3}}
#alphabet = #lowbit.alphabet<levels, [4, 3]>

// -----

// expected-error @+1 {{levels must lie in -128..127}}
#alphabet = #lowbit.alphabet<levels, [0, 128]>

// -----

// expected-error @+1 {{run must be positive, lanes and vectors from 1 to 64}}
#layout = #lowbit.layout<"avx2", lanes = 0, vectors = 1, offset, run = 8, kernel = [4, 8]>

// -----

// expected-error @+1 {{kernel must have 2 to 4 positive sizes}}
#layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 8, kernel = [4]>

// -----

// expected-error @+1 {{run 3 does not divide the reduction of the kernel}}
#layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 3, kernel = [4, 8]>

// -----

// expected-error @+1 {{granularity block, and no other, has a positive number of input channels}}
#layer = #lowbit.layer<"conv", <mid_tread, [7]>, block>

// -----

// expected-error @+1 {{granularity block, and no other, has a positive number of input channels}}
#layer = #lowbit.layer<"conv", <mid_tread, [7]>, channel, 32>

// -----

// expected-error @below {{tile must have 1 sizes from 1 to 64}}
#layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 8, kernel = [4, 8] tile = [2, 2]>

// -----

// expected-error @below {{tile must have 2 sizes from 1 to 64}}
#layout = #lowbit.layout<"avx2", lanes = 8, vectors = 4, offset, run = 9, kernel = [3, 3, 8] tile = [2, 65]>

// -----

// expected-error @below {{run must be positive, lanes and vectors from 1 to 64}}
#layout = #lowbit.layout<"avx2", lanes = 8, vectors = 9223372036854775807, offset, run = 8, kernel = [4, 8]>

// -----

// expected-error @below {{kernel of sizes [2147483647, 2147483647] must have at most 2147483647 in a dimension and 1099511627776 elements}}
#layout = #lowbit.layout<"avx2", lanes = 8, vectors = 1, offset, run = 2147483647, kernel = [2147483647, 2147483647]>
