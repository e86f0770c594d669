"""The speed peer: the same models in PyTorch, timed one run at a time on request.

    python Benchmarks/peer.py make-weights DIR
    python Benchmarks/peer.py serve --weights DIR [--threads N]

`serve` prints `ready`, then answers each line of standard input with one JSON line
{"name", "seconds", "detail"} (or {"name", "error"}), so that another program can interleave its own runs:

    train-eager SHAPE        one step: forward, backward, fused AdamW
    train-compiled SHAPE     the same under torch.compile
    forward-eager SHAPE      logits of the last iteration, no gradients
    forward-compiled SHAPE
    grid-train KIND          train-compiled on grids of 11×11 with neighbourhoods of 3×3: KIND is unfold, where keys and
                             values are unfolded, or masked, fused attention to all positions with a mask
    grid-rollout unfold      forward-compiled on one grid of 201×201
    capture SHAPE PATH       forward, with every latent and attention pattern written to an HDF5 file
    eig-dense WIDTH          all eigenvalues of one iteration's Jacobian at the latent of iteration 8
    eig-top20 WIDTH          its 20 leading ones: ARPACK over torch.func.jvp
    eig-top20-linearized WIDTH   the same over torch.func.linearize, traced once within the time
    fixed-points-eager WIDTH     fixed points of one iteration's map from the file's starts, as FixedPointFinder
    fixed-points-compiled WIDTH  looks for them: Adam on q = ½‖F(z) − z‖² of all starts at once, until all q ≤ 1e-12
    patch-hooks SHAPE        the first example's heads patched one by one, at each position in each iteration, into a run
                             that differs in one token: a hooked forward each, timed on every eighth of them, times 8
    patch-batched SHAPE      the same, all heads and positions of an iteration in one batch
    linear SOLVER            logistic probes at 50 iterations × 64 positions by scikit-learn's lbfgs or
                             newton-cholesky, with joblib on all threads
    quit

SHAPE is small or large, WIDTH is 64 or 128. A workload is set up and warmed up at its first use, outside the time
given; its training then starts again from the file's weights, so the n-th step asked for is the n-th step from them.
PyTorch's threads wait for one another by spinning: with fewer free cores than threads its times mean nothing.
"""

import argparse
import json
import os
import pathlib
import sys
import time

JACOBIAN_ITERATION = 8
LEADING = 20
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01
STARTS = 32
TOLERANCE_Q = 1e-12
TOLERANCE_UNIQUE = 1e-3


def configuration(width, ff, core):
    return {
        "vocabulary": 12, "classes": 12, "width": width, "core": core, "iterations": 16,
        "attention": {"heads": 4, "positions": "alibi"}, "mlp": {"width": ff}}


def grid_configuration():
    return {
        "vocabulary": 5, "classes": 2, "width": 32, "core": 1, "iterations": 16,
        "attention": {"heads": 4, "positions": "relative", "mask": "neighbourhood", "radius": 1},
        "mlp": {"width": 64}}


SHAPES = {
    "small": {"batch": 64, "positions": 32, "configuration": configuration(64, 256, 1)},
    "large": {"batch": 64, "positions": 64, "configuration": configuration(128, 512, 2)},
    "jac64": {"batch": 1, "positions": 16, "configuration": configuration(64, 256, 1)},
    "jac128": {"batch": 1, "positions": 16, "configuration": configuration(128, 512, 2)},
    "maze": {"batch": 16, "positions": 121, "rows": 11, "configuration": grid_configuration()},
    "grid": {"batch": 1, "positions": 201 * 201, "rows": 201, "configuration": grid_configuration()},
    "jacrun": {"batch": 1, "positions": 64, "configuration": configuration(128, 512, 1)},
}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
commands = parser.add_subparsers(dest="command", required=True)
make = commands.add_parser("make-weights", help="write the weights and inputs both sides load")
make.add_argument("directory", type=pathlib.Path)
serve = commands.add_parser("serve", help="run what standard input asks for")
serve.add_argument("--weights", type=pathlib.Path, required=True)
serve.add_argument("--threads", type=int, default=os.cpu_count())
arguments = parser.parse_args()

if arguments.command == "serve":
    # Before NumPy and PyTorch load their BLAS.
    for variable in ["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"]:
        os.environ[variable] = str(arguments.threads)

import h5py  # noqa: E402
import numpy as np  # noqa: E402
import scipy.linalg  # noqa: E402
import scipy.sparse.linalg  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from torch import nn  # noqa: E402


# The model


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x, bias, fused=True):
        """The output, and the pattern [batch, heads, query, key] unless attention is fused."""
        batch, positions, width = x.shape
        q, k, v = self.qkv(x).view(batch, positions, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if fused:
            mixed, pattern = F.scaled_dot_product_attention(q, k, v, attn_mask=bias), None
        else:
            pattern = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + bias).softmax(-1)
            mixed = pattern @ v
        return self.out(mixed.transpose(1, 2).reshape(batch, positions, width)), pattern


class GridAttention(Attention):
    """Neighbourhoods of 3×3 with a learned bias for each head and offset."""

    def __init__(self, width, heads, positions, rows, masked):
        super().__init__(width, heads)
        self.relative = nn.Module()
        self.relative.weight = nn.Parameter(0.5 * torch.randn(heads, 9))
        self.rows, self.masked = rows, masked
        columns = positions // rows
        ones = F.unfold(torch.ones(1, 1, rows, columns), 3, padding=1)
        self.register_buffer("missing", ones[0] == 0, persistent=False)
        if masked:
            index = torch.arange(positions)
            down = (index // columns)[None, :] - (index // columns)[:, None]
            across = (index % columns)[None, :] - (index % columns)[:, None]
            far = (down.abs() > 1) | (across.abs() > 1)
            self.register_buffer("far", far, persistent=False)
            self.register_buffer("offset", ((down + 1) * 3 + across + 1).masked_fill(far, 0), persistent=False)

    def bias(self):
        """What is added to the scores, made once a run."""
        if self.masked:
            return self.relative.weight[:, self.offset].masked_fill(self.far, -torch.inf)[None]
        return self.relative.weight[:, :, None].masked_fill(self.missing, -torch.inf)

    def forward(self, x, bias, fused=True):
        if self.masked:
            return super().forward(x, bias, fused)
        batch, positions, width = x.shape
        q, k, v = self.qkv(x).transpose(1, 2).split(width, 1)

        def unfolded(y):
            y = F.unfold(y.reshape(batch, width, self.rows, -1), 3, padding=1)
            return y.view(batch, self.heads, width // self.heads, 9, positions)

        q = q.view(batch, self.heads, -1, 1, positions)
        scores = (q * unfolded(k)).sum(2) * (width // self.heads) ** -0.5 + bias
        mixed = (unfolded(v) * scores.softmax(2)[:, :, None]).sum(3)
        return self.out(mixed.reshape(batch, width, positions).transpose(1, 2)), None


class MLP(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)

    def forward(self, x):
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, width, hidden, attention):
        super().__init__()
        self.attn_norm = nn.LayerNorm(width)
        self.attn = attention
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = MLP(width, hidden)

    def forward(self, x, bias, fused=True):
        attended, pattern = self.attn(self.attn_norm(x), bias, fused)
        x = x + attended
        return x + self.mlp(self.mlp_norm(x)), pattern


class RecurrentTransformer(nn.Module):
    def __init__(self, configuration, positions, rows=1, masked=False):
        super().__init__()
        width, heads = configuration["width"], configuration["attention"]["heads"]
        self.iterations = configuration["iterations"]
        self.embed = nn.Embedding(configuration["vocabulary"], width)
        self.recall = nn.Linear(2 * width, width)
        self.core = nn.ModuleList(
            Block(width, configuration["mlp"]["width"],
                  Attention(width, heads) if rows == 1 else GridAttention(width, heads, positions, rows, masked))
            for _ in range(configuration["core"]))
        self.final_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, configuration["classes"])
        slopes = 2.0 ** (-8 * torch.arange(1, heads + 1) / heads)
        index = torch.arange(positions if rows == 1 else 0)
        bias = -slopes[:, None, None] * (index[None, :] - index[:, None]).abs()
        self.register_buffer("alibi", bias[None], persistent=False)

    def biases(self):
        """Each block's attention bias."""
        return [block.attn.bias() if isinstance(block.attn, GridAttention) else self.alibi for block in self.core]

    def step(self, e, z, fused=True, biases=None):
        """One iteration: the next latent, and its blocks' patterns."""
        x = self.recall(torch.cat([e, z], -1))
        patterns = []
        for block, bias in zip(self.core, self.biases() if biases is None else biases):
            x, pattern = block(x, bias, fused)
            patterns.append(pattern)
        return x, patterns

    def readout(self, z):
        return self.head(self.final_norm(z))

    def forward(self, tokens):
        e = self.embed(tokens)
        z = torch.zeros_like(e)
        biases = self.biases()
        for _ in range(self.iterations):
            z, _ = self.step(e, z, biases=biases)
        return self.readout(z)


def load(directory, name, masked=False):
    """The model, its tokens [batch, positions] and its targets, from the files."""
    configuration = json.loads((directory / f"{name}.json").read_text())
    tensors = load_file(directory / f"{name}.safetensors")
    tokens, targets = tensors.pop("input.tokens")[..., 0], tensors.pop("input.targets")
    tensors.pop("input.starts", None)
    tensors.pop("input.rows", None)
    rows = SHAPES[name].get("rows", 1)
    model = RecurrentTransformer(configuration, tokens.shape[1], rows, masked).to(tensors["embed.weight"].dtype)
    model.load_state_dict(tensors)
    return model, tokens, targets


def make_weights(directory):
    directory.mkdir(parents=True, exist_ok=True)
    for seed, (name, shape) in enumerate(SHAPES.items()):
        torch.manual_seed(seed)
        configuration, size = shape["configuration"], (shape["batch"], shape["positions"])
        model = RecurrentTransformer(configuration, shape["positions"], shape.get("rows", 1))
        if name.startswith("jac"):
            model = model.double()
        tokens = torch.randint(configuration["vocabulary"], (*size, 1))
        targets = torch.randint(configuration["classes"], size)
        (directory / f"{name}.json").write_text(json.dumps(configuration, indent=2) + "\n")
        inputs = {"input.tokens": tokens, "input.targets": targets}
        if name.startswith("jac"):
            width = configuration["width"]
            inputs["input.starts"] = torch.randn(STARTS, shape["positions"], width, dtype=torch.float64)
        if "rows" in shape:
            inputs["input.rows"] = torch.tensor([shape["rows"]])
        save_file({**model.state_dict(), **inputs}, directory / f"{name}.safetensors")
    make_probe_data(directory)


# Workloads: made once, then called for each run; a call returns its seconds and its detail


def timed(function):
    start = time.perf_counter()
    result = function()
    return time.perf_counter() - start, result


class Train:
    def __init__(self, directory, name, compiled, masked=False):
        self.model, self.tokens, self.targets = load(directory, name, masked)
        initial = {key: value.clone() for key, value in self.model.state_dict().items()}
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, fused=True)
        self.forward = torch.compile(self.loss) if compiled else self.loss
        for _ in range(3):
            self.step()
        self.model.load_state_dict(initial)
        self.optimizer.state.clear()
        self.steps = 0

    def loss(self):
        return F.cross_entropy(self.model(self.tokens).flatten(0, 1), self.targets.flatten())

    def step(self):
        self.optimizer.zero_grad()
        loss = self.forward()
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def __call__(self):
        seconds, loss = timed(self.step)
        self.steps += 1
        return seconds, {
            "loss": loss, "step": self.steps, "rate": LEARNING_RATE, "decay": WEIGHT_DECAY}


class Forward:
    def __init__(self, directory, name, compiled):
        self.model, self.tokens, self.targets = load(directory, name)
        self.forward = torch.compile(self.model) if compiled else self.model
        for _ in range(3):
            self.run()

    @torch.inference_mode()
    def run(self):
        return self.forward(self.tokens)

    def __call__(self):
        seconds, logits = timed(self.run)
        loss = F.cross_entropy(logits.flatten(0, 1), self.targets.flatten())
        return seconds, {"loss": loss.item()}


class Capture:
    def __init__(self, directory, name):
        self.model, self.tokens, self.targets = load(directory, name)
        self.warm = False

    @torch.inference_mode()
    def run(self, path):
        model, batch, positions = self.model, *self.tokens.shape
        e = model.embed(self.tokens)
        z = torch.zeros_like(e)
        heads, iterations = model.core[0].attn.heads, model.iterations
        with h5py.File(path, "w") as file:
            latents = file.create_dataset("latent", (iterations + 1, *z.shape), "f4")
            patterns = file.create_dataset(
                "pattern", (iterations, len(model.core), batch, heads, positions, positions), "f4")
            latents[0] = z.numpy()
            for t in range(iterations):
                z, of_blocks = model.step(e, z, fused=False)
                latents[t + 1] = z.numpy()
                for b, pattern in enumerate(of_blocks):
                    patterns[t, b] = pattern.numpy()
        return model.readout(z)

    def __call__(self, path):
        if not self.warm:
            self.run(path)
            self.warm = True
        seconds, logits = timed(lambda: self.run(path))
        loss = F.cross_entropy(logits.flatten(0, 1), self.targets.flatten())
        return seconds, {"loss": loss.item(), "bytes": os.path.getsize(path)}


class Jacobian:
    """One iteration's map of the flattened latent, at the latent of iteration 8."""

    def __init__(self, directory, width):
        model, tokens, _ = load(directory, f"jac{width}")
        model.requires_grad_(False)
        e = model.embed(tokens)
        z = torch.zeros_like(e)
        for _ in range(JACOBIAN_ITERATION):
            z, _ = model.step(e, z)
        self.z = z.flatten()
        self.map = lambda flat: model.step(e, flat.view_as(e), fused=False)[0].flatten()


def leading(eigenvalues):
    return sorted(np.abs(np.asarray(eigenvalues)).tolist(), reverse=True)[:LEADING]


class Dense(Jacobian):
    """The faster of forward and reverse mode, then the faster of two LAPACKs; both found out at set-up."""

    def __init__(self, directory, width):
        super().__init__(directory, width)
        modes = {"jacfwd": torch.func.jacfwd(self.map), "jacrev": torch.func.jacrev(self.map)}
        self.mode, mode_seconds, matrix = fastest(modes, self.z)
        solvers = {
            "torch.linalg.eigvals": torch.linalg.eigvals,
            "scipy.linalg.eigvals": lambda m: scipy.linalg.eigvals(m.numpy(), check_finite=False)}
        self.solver, solver_seconds, _ = fastest(solvers, matrix)
        self.setup = {**mode_seconds, **solver_seconds}
        self.jacobian, self.eigenvalues = modes[self.mode], solvers[self.solver]

    def __call__(self):
        jacobian, matrix = timed(lambda: self.jacobian(self.z))
        eigenvalues, values = timed(lambda: self.eigenvalues(matrix))
        return jacobian + eigenvalues, {
            "jacobian": self.mode, "jacobian_seconds": jacobian,
            "eigenvalues": self.solver, "eigenvalues_seconds": eigenvalues,
            "setup_seconds": self.setup, "moduli": leading(values)}


def fastest(functions, argument):
    """The name of the function with the best of two runs, everyone's best, and the result."""
    seconds = {}
    for name, function in functions.items():
        runs = [timed(lambda function=function: function(argument)) for _ in range(2)]
        seconds[name] = min(taken for taken, _ in runs)
    return min(seconds, key=seconds.get), seconds, runs[-1][1]


class Top(Jacobian):
    def __init__(self, directory, width, linearized):
        super().__init__(directory, width)
        self.linearized = linearized
        self.start = np.random.default_rng(0).standard_normal(self.z.numel())
        self.run()

    def run(self):
        size = self.z.numel()
        self.products = 0
        if self.linearized:
            _, derivative = torch.func.linearize(self.map, self.z)
        else:
            def derivative(v):
                return torch.func.jvp(self.map, (self.z,), (v,))[1]

        def product(v):
            self.products += 1
            return derivative(torch.from_numpy(v).reshape(-1)).numpy()

        operator = scipy.sparse.linalg.LinearOperator((size, size), matvec=product, dtype=np.float64)
        return scipy.sparse.linalg.eigs(
            operator, k=LEADING, which="LM", v0=self.start, return_eigenvectors=False)

    def __call__(self):
        seconds, values = timed(self.run)
        return seconds, {"products": self.products, "moduli": leading(values)}


class FixedPoints:
    """FixedPointFinder's joint optimisation, with its tolerances, Adam's epsilon and learning-rate schedule."""

    def __init__(self, directory, width, compiled):
        model, tokens, _ = load(directory, f"jac{width}")
        model.requires_grad_(False)
        self.starts = load_file(directory / f"jac{width}.safetensors")["input.starts"]
        e = model.embed(tokens).expand(len(self.starts), -1, -1)

        def speed(z):
            return 0.5 * (model.step(e, z, fused=False)[0] - z).square().sum((1, 2))

        self.speed = torch.compile(speed) if compiled else speed
        self.run()

    def run(self):
        z = self.starts.clone().requires_grad_()
        optimizer = torch.optim.Adam([z], lr=0.1, eps=0.01)
        schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.95, patience=5)
        for self.iterations in range(5000):
            optimizer.zero_grad()
            q = self.speed(z)
            loss = q.sum()
            loss.backward()
            if (q <= TOLERANCE_Q).all():
                break
            optimizer.step()
            schedule.step(loss.detach())
        return z.detach(), q.detach()

    def __call__(self):
        seconds, (z, q) = timed(self.run)
        unique = []
        for point in z[q <= TOLERANCE_Q]:
            if all((point - other).abs().max() >= TOLERANCE_UNIQUE for other in unique):
                unique.append(point)
        return seconds, {
            "iterations": self.iterations, "converged": int((q <= TOLERANCE_Q).sum()),
            "moduli": sorted((point.norm().item() for point in unique), reverse=True)}


class Patching:
    """Values of each head from the clean run in the corrupted one; the detail is each patch's logit difference."""

    def __init__(self, directory, name, batched):
        self.model, tokens, targets = load(directory, name)
        self.clean, answers = tokens[:1], targets[0]
        self.corrupted = self.clean.clone()
        self.corrupted[0, 0] = (self.corrupted[0, 0] + 1) % self.model.embed.num_embeddings
        classes = self.model.head.out_features
        self.difference = F.one_hot(answers, classes) - F.one_hot((answers + 1) % classes, classes)
        self.heads, self.positions = self.model.core[0].attn.heads, tokens.shape[1]
        self.run = self.run_batched if batched else self.run_hooked
        self.share = 1 if batched else 8
        self.run()

    def hooked(self, tokens, change):
        """The logits with `change` made to the heads' mixed values, given with the iteration."""
        iteration = 0

        def hook(_, inputs):
            nonlocal iteration
            iteration += 1
            return change(iteration, inputs[0])

        handle = self.model.core[0].attn.out.register_forward_pre_hook(hook)
        logits = self.model(tokens)
        handle.remove()
        return (logits * self.difference).sum(-1).mean(-1)

    def split(self, x):
        return x.view(*x.shape[:2], self.heads, -1)

    def record(self):
        values = {}
        self.hooked(self.clean, lambda t, x: values.update({t: self.split(x)[0]}))
        return values

    @torch.inference_mode()
    def run_hooked(self):
        source = self.record()
        places = [
            (t, head, p) for t in range(1, self.model.iterations + 1)
            for head in range(self.heads) for p in range(self.positions)]
        results = []
        for place in places[::8]:
            def change(t, x, place=place):
                if t != place[0]:
                    return None
                _, head, p = place
                x = x.clone()
                self.split(x)[:, p, head] = source[t][p, head]
                return (x,)

            results.append(self.hooked(self.corrupted, change))
        return torch.cat(results)

    @torch.inference_mode()
    def run_batched(self):
        source = self.record()
        count = self.heads * self.positions
        rows = torch.arange(count)
        head, p = rows // self.positions, rows % self.positions
        tokens = self.corrupted.expand(count, -1)
        results = []
        for at in range(1, self.model.iterations + 1):
            def change(t, x, at=at):
                if t != at:
                    return None
                x = x.clone()
                self.split(x)[rows, p, head] = source[t][p, head]
                return (x,)

            results.append(self.hooked(tokens, change))
        return torch.cat(results)

    def __call__(self):
        seconds, differences = timed(self.run)
        return seconds * self.share, {"moduli": differences.tolist(), "timed_share": 1 / self.share}


# Linear probes

PROBE_PENALTY = 0.01
PROBE_TOLERANCE = 1e-6
PROBE_ITERATIONS, PROBE_POSITIONS, PROBE_ROWS, PROBE_WIDTH = 50, 64, 2000, 64


def make_probe_data(directory):
    """Two sets of values between which the latents move, and labels that a noisy direction of its own tells at each
    position; the values of position p are those of position 0 with their coordinates moved by p."""
    generator = np.random.default_rng(0)
    shape = (PROBE_ROWS, PROBE_WIDTH)
    mixing = generator.standard_normal((PROBE_WIDTH, PROBE_WIDTH)) / PROBE_WIDTH**0.5
    a, b = (generator.standard_normal(shape) @ mixing for _ in range(2))
    labels = [
        (a + b) @ generator.standard_normal(PROBE_WIDTH) / 4 + generator.standard_normal(PROBE_ROWS) > 0
        for _ in range(PROBE_POSITIONS)]
    save_file(
        {"a": torch.from_numpy(a), "b": torch.from_numpy(b), "labels": torch.from_numpy(np.array(labels, np.int32))},
        directory / "linear.safetensors")


def fit_probes(path, t, positions, labels, solver):
    """Coefficients, intercepts and objectives' penalties of some positions' probes at one iteration."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    values = np.load(path, mmap_mode="r")
    found = []
    # One thread a process: there is a process for each core.
    with threadpool_limits(1):
        for p in positions:
            x = values[t, p].astype(np.float64)
            x -= x.mean(axis=0)
            x /= x.std(axis=0)
            fit = LogisticRegression(
                C=1 / (len(x) * PROBE_PENALTY), solver=solver, tol=PROBE_TOLERANCE, max_iter=1000).fit(x, labels[p])
            found.append((fit.coef_[0], fit.intercept_[0]))
    return found


class LinearProbes:
    def __init__(self, directory, solver):
        import joblib

        self.solver, self.joblib = solver, joblib
        file = load_file(directory / "linear.safetensors")
        a, b, self.labels = (file[name].numpy() for name in ["a", "b", "labels"])
        self.path = directory / "linear-values.npy"
        if not self.path.exists():
            values = np.lib.format.open_memmap(
                self.path, "w+", np.float32, (PROBE_ITERATIONS, PROBE_POSITIONS, *a.shape))
            for t in range(PROBE_ITERATIONS):
                z = np.cos(t / 50) * a + np.sin(t / 50) * b
                for p in range(PROBE_POSITIONS):
                    values[t, p] = np.roll(z, p, axis=1)
        self.parallel = joblib.Parallel(n_jobs=arguments.threads)
        self.run()

    def run(self):
        # Sixteen probes to a task: what it costs to hand one out does not count then.
        tasks = [(t, range(p, p + 16)) for t in range(PROBE_ITERATIONS) for p in range(0, PROBE_POSITIONS, 16)]
        return self.parallel(
            self.joblib.delayed(fit_probes)(self.path, t, positions, self.labels, self.solver)
            for t, positions in tasks)

    def __call__(self):
        seconds, found = timed(self.run)
        fits = [one for task in found for one in task]
        values = np.load(self.path, mmap_mode="r")
        objectives = np.empty((PROBE_ITERATIONS, PROBE_POSITIONS))
        for i, (weights, intercept) in enumerate(fits):
            t, p = divmod(i, PROBE_POSITIONS)
            x = values[t, p].astype(np.float64)
            scores = (x - x.mean(axis=0)) / x.std(axis=0) @ weights + intercept
            sign = 2 * self.labels[p] - 1
            objectives[t, p] = np.logaddexp(0, -sign * scores).mean() + PROBE_PENALTY / 2 * weights @ weights
        return seconds, {"moduli": objectives.mean(axis=1).tolist()}


# The protocol

WORKLOADS = {
    "train-eager": lambda directory, name: Train(directory, name, compiled=False),
    "train-compiled": lambda directory, name: Train(directory, name, compiled=True),
    "forward-eager": lambda directory, name: Forward(directory, name, compiled=False),
    "forward-compiled": lambda directory, name: Forward(directory, name, compiled=True),
    "grid-train": lambda directory, kind: Train(directory, "maze", compiled=True, masked=kind == "masked"),
    "grid-rollout": lambda directory, kind: Forward(directory, "grid", compiled=True),
    "capture": Capture,
    "eig-dense": Dense,
    "eig-top20": lambda directory, width: Top(directory, width, linearized=False),
    "eig-top20-linearized": lambda directory, width: Top(directory, width, linearized=True),
    "patch-hooks": lambda directory, name: Patching(directory, name, batched=False),
    "patch-batched": lambda directory, name: Patching(directory, name, batched=True),
    "fixed-points-eager": lambda directory, width: FixedPoints(directory, width, compiled=False),
    "linear": LinearProbes,
    "fixed-points-compiled": lambda directory, width: FixedPoints(directory, width, compiled=True),
}


def answer(directory, made, line):
    words = line.split(maxsplit=2)
    if len(words) != (3 if words[:1] == ["capture"] else 2) or words[0] not in WORKLOADS:
        raise ValueError(f"expected one of {', '.join(WORKLOADS)} and its shape (capture: and a path)")
    kind, shape, *rest = words
    if (kind, shape) not in made:
        made[kind, shape] = WORKLOADS[kind](directory, shape)
    seconds, detail = made[kind, shape](*rest)
    return {"seconds": seconds, "detail": detail}


def main():
    if arguments.command == "make-weights":
        make_weights(arguments.directory)
        return
    torch.set_num_threads(arguments.threads)
    directory = arguments.weights
    files = [f"{name}.{end}" for name in SHAPES for end in ["safetensors", "json"]] + ["linear.safetensors"]
    if not all((directory / name).exists() for name in files):
        make_weights(directory)
    made = {}
    print("ready", flush=True)
    for line in sys.stdin:
        line = line.strip()
        if line == "quit":
            break
        try:
            reply = answer(directory, made, line)
        except Exception as error:  # Whatever fails, the other side must hear of it and not wait.
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps({"name": line, **reply}), flush=True)


if __name__ == "__main__":
    main()
