#!/bin/sh
# From nothing to a first insight: trains a small model to add numbers of up to 10 digits, tests it on longer ones with
# more iterations than it was trained with, records 50 iterations and looks at the step map's Jacobian.
set -eu
cd "$(dirname "$0")/.."
bin=.build/release
out=${QUICKSTART_DIR:-runs/quickstart}

say() { printf '\n\033[1m%s\033[0m\n' "$1"; }
[ -t 1 ] || say() { printf '\n%s\n' "$1"; }

say "1. Train on additions of up to 10 digits (one to three minutes)"
"$bin/asura-train" run Examples/Recipes/addition-columns.yaml -o "$out" --force

say "2. Test on numbers ten times as long, with as many iterations as they need"
"$bin/asura-train" eval "$out" --lengths 10,20,50,100 --iterations n,2n,4n --examples 100 >"$out/eval.txt"
cat "$out/eval.txt"

say "3. Record 50 iterations of the hardest kind: a carry through every digit"
"$bin/asura-trace" capture "$out" --kind nines --length 10 --examples 8 --iterations 50 \
  -o "$out/addition.h5" --force
"$bin/asura-trace" info "$out/addition.h5"

say "4. What does one iteration do to the latent? The eigenvalues of its Jacobian"
"$bin/asura-probe" jacobian "$out/addition.h5" --iter 1...50 --svg "$out" --force >"$out/jacobian.txt"
cat "$out/jacobian.txt"

say "Done. What was found"
echo "  Trained on additions of up to 10 digits; whole answers right at 100 digits:"
head -n 1 "$out/eval.txt" | sed 's/^/    /'
awk '/^symbols right/ { exit } $2 == 100' "$out/eval.txt" | sed 's/^/    /'
echo "  One iteration of the model at rest:"
grep '^The ' "$out/jacobian.txt" | sed 's/^/    /'
cat <<EOF

Where things are
  $out/model.safetensors        the model; PyTorch reads it with safetensors.torch.load_file
  $out/addition.h5              the trace: h5py, xarray and silx open it
  $out/addition.probe.h5        the eigenvalues of all iterations
  $out/*.svg                    the charts
  $out/tensorboard              training curves: tensorboard --logdir $out

Three commands to try next
  $bin/asura-train eval $out --lengths 1000 --iterations n,2n --examples 10
  $bin/asura-probe fixed-points $out/addition.h5
  $bin/asura-probe flow $out/addition.h5
EOF
