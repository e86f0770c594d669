"""Writes the golden files beside this script (README.md there): all of them, or those named.

    python Tests/Goldens/make_goldens.py [NAME …]
"""

import hashlib
import itertools
import json
import math
import pathlib
import sys

import mpmath
import numpy
import scipy.linalg
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import reference

HERE = pathlib.Path(__file__).parent
SCRIPT = "Tests/Goldens/make_goldens.py"
BATCH = 2
TANGENTS = 3

# Configurations as a user would write them: what is left out is left to the defaults.
MODELS = {
    "concat-pre-layer": {
        "configuration": {
            "vocabulary": 7, "classes": 5, "width": 8, "iterations": 4,
            "attention": {"heads": 2, "positions": "alibi"},
            "mlp": {"width": 16},
        },
        "positions": 6, "jacobian": True,
    },
    "add-post-rms": {
        "configuration": {
            "vocabulary": 6, "channels": 2, "classes": 5, "width": 16, "prelude": 1, "coda": 1,
            "iterations": 3,
            "attention": {"heads": 4, "keyValueHeads": 2, "bias": False, "positions": "rope",
                          "mask": "causal"},
            "mlp": {"width": 10, "activation": "relu"},
            "norm": {"kind": "rms", "placement": "post"},
            "recall": "add", "initialLatent": "input",
        },
        "positions": 5, "smoothing": 0.1,
    },
    "none-sandwich-layer": {
        "configuration": {
            "vocabulary": 7, "classes": 5, "width": 12, "core": 2, "iterations": 3,
            "embedding": {"positions": "learned", "maximumPositions": 9},
            "attention": {"heads": 2, "positions": "relative", "relativeRadius": 2, "window": 2},
            "mlp": {"width": 12, "activation": "swiglu"},
            "norm": {"placement": "sandwich"},
            "recall": "none", "initialLatent": "input", "outerNorm": True,
        },
        # Draw 0 is so ill-conditioned that single precision alone loses 1e-5 of a gradient.
        "positions": 7, "draw": 6,
    },
    "coupled-post-layer": {
        "configuration": {
            "vocabulary": 7, "channels": 2, "classes": 5, "width": 12, "iterations": 3,
            "embedding": {"positions": "sinusoidal"}, "positionIDs": "coupled",
            "attention": {"heads": 3, "keyValueHeads": 1, "positions": "alibi",
                          "slopes": [0.7, 0.2, 0.05], "mask": "causal", "window": 1},
            "mlp": {"width": 16, "bias": False},
            "norm": {"placement": "post", "bias": False, "epsilon": 1e-3},
            "initialLatent": "learned",
            "update": {"kind": "euler", "step": 0.6},
        },
        "positions": 7, "ids": [3, 2, 1, 0, 1, 2, 3], "smoothing": 0.05,
    },
    "unshared-pre-rms": {
        "configuration": {
            "vocabulary": 6, "classes": 5, "width": 8, "core": 2, "iterations": 3, "shared": False,
            "attention": {"heads": 2, "positions": "alibi", "window": 3},
            "mlp": {"width": 6, "activation": "swiglu", "bias": False},
            "norm": {"kind": "rms", "bias": True},
            "outerNorm": True, "update": {"kind": "euler"},
        },
        "positions": 6,
    },
    "sandwich-rms-euler": {
        "configuration": {
            "vocabulary": 7, "classes": 5, "width": 16, "prelude": 2, "iterations": 3,
            "positionIDs": "coupled",
            "attention": {"heads": 4, "keyValueHeads": 1, "positions": "rope", "ropeBase": 100},
            "mlp": {"width": 8},
            "norm": {"kind": "rms", "placement": "sandwich"},
            "recall": "add", "initialLatent": "learned", "outerNorm": True,
            "update": {"kind": "euler"},
        },
        "positions": 6, "ids": [0, 1, 2, 0, 1, 2],
    },
    "coda-post-layer": {
        "configuration": {
            "vocabulary": 7, "classes": 5, "width": 8, "core": 2, "coda": 2, "iterations": 4,
            "positionIDs": "coupled",
            "attention": {"heads": 2, "positions": "relative", "relativeRadius": 1, "mask": "causal"},
            "mlp": {"width": 12, "activation": "relu"},
            "norm": {"placement": "post"},
            "finalNorm": False,
        },
        "positions": 6, "ids": [0, 1, 2, 2, 1, 0],
    },
    "plain-pre-layer": {
        "configuration": {
            "vocabulary": 6, "channels": 2, "classes": 5, "width": 12, "prelude": 1, "iterations": 4,
            "embedding": {"positions": "learned", "maximumPositions": 5},
            "attention": {"heads": 4, "keyValueHeads": 2, "bias": False, "mask": "causal",
                          "window": 2},
            "mlp": {"width": 16, "bias": False},
            "norm": {"bias": False},
            "recall": "add",
        },
        "positions": 5, "smoothing": 0.2, "jacobian": True,
    },
    "grid-pre-layer": {
        "configuration": {
            "vocabulary": 7, "classes": 5, "width": 9, "core": 2, "iterations": 3,
            "attention": {"heads": 3, "positions": "relative", "mask": "neighbourhood", "radius": 1,
                          "directions": ["both", "backward", "forward"]},
            "mlp": {"width": 12},
        },
        "positions": 12, "rows": 3, "jacobian": True,
    },
    "grid-post-rms": {
        "configuration": {
            "vocabulary": 7, "classes": 5, "width": 8, "iterations": 3, "positionIDs": "coupled",
            "attention": {"heads": 2, "positions": "alibi", "mask": "neighbourhood", "radius": 2,
                          "directions": ["forward", "backward"]},
            "mlp": {"width": 12},
            "norm": {"kind": "rms", "placement": "post"},
        },
        "positions": 10, "rows": 5, "ids": [0, 1, 2, 3, 4, 4, 3, 2, 1, 0],
    },
    "directed-pre-layer": {
        "configuration": {
            "vocabulary": 7, "classes": 5, "width": 8, "iterations": 3, "positionIDs": "coupled",
            "attention": {"heads": 4, "positions": "alibi", "slopes": [4, 1, 4, 1],
                          "directions": ["backward", "backward", "forward", "forward"]},
            "mlp": {"width": 12},
        },
        "positions": 7, "ids": [2, 1, 0, 2, 1, 0, 1],
    },
    "gated-pre-copy": {
        "configuration": {
            "vocabulary": 7, "classes": 5, "width": 8, "prelude": 1, "core": 2, "coda": 1,
            "iterations": 3,
            "attention": {"heads": 2, "positions": "alibi"},
            "mlp": {"width": 12},
            "recall": "gated", "copyGate": {"width": 6},
            "neuromodulation": {"width": 5, "reads": "input"},
        },
        "positions": 5, "jacobian": True,
    },
    "cross-post-modulated": {
        "configuration": {
            "vocabulary": 7, "classes": 5, "width": 16, "iterations": 3,
            "attention": {"heads": 4, "keyValueHeads": 2, "positions": "rope", "mask": "causal"},
            "mlp": {"width": 10, "activation": "swiglu"},
            "norm": {"kind": "rms", "placement": "post"},
            "recall": "cross", "initialLatent": "learned", "copyGate": {"width": 7},
            "neuromodulation": {"width": 6}, "update": {"kind": "euler", "step": 0.7},
        },
        "positions": 6,
    },
    "cross-sandwich-unshared": {
        "configuration": {
            "vocabulary": 6, "classes": 5, "width": 8, "core": 2, "iterations": 3, "shared": False,
            "attention": {"heads": 2, "keyValueHeads": 1, "bias": False, "positions": "relative",
                          "relativeRadius": 2, "window": 2},
            "mlp": {"width": 6},
            "norm": {"placement": "sandwich"},
            "recall": "cross", "outerNorm": True,
            "neuromodulation": {"width": 4, "reads": "latent"},
        },
        "positions": 6,
    },
}


# Models


def write_model(name, case):
    generator = torch.Generator().manual_seed(seed(name) + case.get("draw", 0))
    text = json.dumps(case["configuration"])
    configuration = reference.read_configuration(text)
    smoothing = case.get("smoothing", 0.0)
    parameters = random_parameters(configuration, generator)
    tokens, ids, targets = random_input(configuration, case, generator)

    leaves = {key: value.clone().requires_grad_() for key, value in parameters.items()}
    rows = case.get("rows", 1)
    model = reference.Reference(configuration, leaves, ids, rows=rows)
    _, latents, patterns = model.run(tokens)
    readouts = [model.readout(z) for z in latents]
    loss = reference.loss(readouts[-1], targets, smoothing)
    loss.backward()

    tensors = {"input.tokens": tokens, "input.ids": ids, "input.targets": targets, "loss": loss}
    for key, value in leaves.items():
        if value.grad is None:
            raise ValueError(f"{name}: {key} does not reach the loss")
        tensors[f"parameter.{key}"] = value
        tensors[f"gradient.{key}"] = value.grad
    for t, (z, logits) in enumerate(zip(latents, readouts, strict=True)):
        tensors[f"latent.{t}"] = z
        tensors[f"readout.{t}"] = logits
    for t, of_blocks in enumerate(patterns, 1):
        for b, pattern in enumerate(of_blocks):
            tensors[f"pattern.{t}.{b}"] = pattern

    # The step map's derivatives at z_1: the iteration that makes z_2, at fixed e.
    fixed = reference.Reference(configuration, parameters, ids, rows=rows)
    e = fixed.embed(tokens)
    z1 = latents[1].detach()
    tangents = torch.randn(TANGENTS, *z1.shape, generator=generator, dtype=torch.float64)
    tensors["jvp.tangent"] = tangents
    tensors["jvp.result"] = torch.stack(
        [torch.func.jvp(lambda z: fixed.step(2, e, z)[0], (z1,), (v,))[1] for v in tangents])
    if case.get("jacobian"):
        jacobian = torch.func.jacrev(lambda z: fixed.step(2, e[:1], z)[0])(z1[:1])
        jacobian = jacobian.reshape(z1[0].numel(), z1[0].numel())
        eigenvalues = torch.linalg.eigvals(jacobian)
        eigenvalues = eigenvalues[eigenvalues.abs().argsort(descending=True, stable=True)]
        tensors["jacobian"] = jacobian
        tensors["jacobian.eigenvalues.real"] = eigenvalues.real
        tensors["jacobian.eigenvalues.imag"] = eigenvalues.imag
    metadata = {"configuration": text, "smoothing": repr(smoothing)}
    write(name, tensors, metadata if rows == 1 else {**metadata, "rows": str(rows)})


def write_trained(name):
    """The dense Jacobian of a trained model's step map, which is far from a random one's: at z_1 of a sum."""
    parameters = {key: value.double() for key, value in load_file(HERE / f"{name}.model.safetensors").items()}
    text = json.dumps(json.loads((HERE / f"{name}.model.json").read_text()))
    configuration = reference.read_configuration(text)
    # 999999 + 000001, lowest digits first: a carry through every column.
    tokens = torch.tensor([[[9, 1], [9, 0], [9, 0], [9, 0], [9, 0], [9, 0]]])
    ids = torch.arange(tokens.shape[1])
    model = reference.Reference(configuration, parameters, ids)
    e = model.embed(tokens)
    z1 = model.step(1, e, model.initial(e))[0]
    jacobian = torch.func.jacrev(lambda z: model.step(2, e, z)[0])(z1).reshape(z1.numel(), z1.numel())
    eigenvalues = torch.linalg.eigvals(jacobian)
    eigenvalues = eigenvalues[eigenvalues.abs().argsort(descending=True, stable=True)]
    tensors = {
        "input.tokens": tokens, "input.ids": ids, "latent.1": z1, "jacobian": jacobian,
        "jacobian.eigenvalues.real": eigenvalues.real, "jacobian.eigenvalues.imag": eigenvalues.imag,
        "jacobian.singular": torch.linalg.svdvals(jacobian)}
    tensors |= {f"parameter.{key}": value for key, value in parameters.items()}
    write(name, tensors, {"configuration": text})


class SumPairs:
    """Two sums, each with and without its carry, and a trained model that runs them."""

    def __init__(self):
        model = "trained-columns.model"
        self.parameters = {key: value.double() for key, value in load_file(HERE / f"{model}.safetensors").items()}
        self.configuration = reference.read_configuration((HERE / f"{model}.json").read_text())

        def columns(a, b):
            """Tokens and answers of a sum of digits given lowest first: a column of marks, the digits, and one of zeros."""
            carry, sums = 0, []
            for x, y in zip(a + [0], b + [0], strict=True):
                sums.append((x + y + carry) % 10)
                carry = (x + y + carry) // 10
            return [[10, 10], *([x, y] for x, y in zip(a + [0], b + [0], strict=True))], [-1, *sums]

        pairs = [
            (columns([9, 9, 9, 9, 2], [1, 0, 0, 0, 3]), columns([9, 9, 9, 9, 2], [0, 0, 0, 0, 3])),
            (columns([1, 7, 4, 3, 8], [2, 5, 5, 6, 0]), columns([1, 7, 4, 3, 8], [2, 1, 5, 6, 0])),
        ]
        self.count = len(pairs)
        # Clean, corrupted.
        self.inputs = [torch.tensor([pair[side][0] for pair in pairs]) for side in (0, 1)]
        self.answers = [torch.tensor([pair[side][1] for pair in pairs]) for side in (0, 1)]
        self.ids = torch.arange(self.inputs[0].shape[1])
        self.iterations, self.heads = self.configuration["iterations"], self.configuration["attention"]["heads"]
        self.head_width = self.configuration["width"] // self.heads
        self.clean_log = self.run(self.inputs[0]).log_softmax(-1)

    def run(self, tokens, tap=lambda site, t, x: x):
        model = reference.Reference(self.configuration, self.parameters, self.ids, tap)
        return model.readout(model.run(tokens)[1][-1])

    def record(self, tokens):
        """Logits and every site's value by site and iteration."""
        values = {}

        def keep(site, t, x):
            values[site, t] = x
            return x

        return self.run(tokens, keep), values

    def measure(self, logits):
        """Logit difference, log-probability of the clean answer and KL from the clean run, [pair, 3]."""
        rows = []
        log = logits.log_softmax(-1)
        for pair in range(self.count):
            a, b = self.answers[0][pair], self.answers[1][pair]
            at = [p for p in range(len(self.ids)) if a[p] != b[p]]
            rows.append(torch.stack([
                sum(logits[pair, p, a[p]] - logits[pair, p, b[p]] for p in at) / len(at),
                sum(log[pair, p, a[p]] for p in at) / len(at),
                sum((self.clean_log[pair, p].exp() * (self.clean_log[pair, p] - log[pair, p])).sum() for p in at) / len(at)]))
        return torch.stack(rows)

    @property
    def tensors(self):
        return {
            "clean.tokens": self.inputs[0], "corrupted.tokens": self.inputs[1],
            "clean.answers": self.answers[0], "corrupted.answers": self.answers[1]}

    def columns_of(self, head):
        return slice(head * self.head_width, (head + 1) * self.head_width)


def write_patching(name):
    """What patching a trained model does, one hooked forward a patch: two sums, each with and without its carry."""
    case = SumPairs()
    clean, sources = case.record(case.inputs[0])
    corrupted = case.run(case.inputs[1])

    def patched(place, change):
        def tap(site, t, x):
            if (site, t) != place:
                return x
            x = x.clone()
            change(x, sources[site, t])
            return x

        return case.measure(case.run(case.inputs[1], tap))

    by_head, by_position, by_query = [], [], []
    for t in range(1, case.iterations + 1):
        for head in range(case.heads):
            for p in range(len(case.ids)):
                def one_head(x, source, p=p, head=head):
                    x[:, p, case.columns_of(head)] = source[:, p, case.columns_of(head)]
                by_head.append(patched(("core.0.attn.z", t), one_head))

                def one_query(x, source, p=p, head=head):
                    x[:, head, p] = source[:, head, p]
                if t > case.iterations - 4:
                    by_query.append(patched(("core.0.attn.pattern", t), one_query))
        for p in range(len(case.ids)):
            def one_position(x, source, p=p):
                x[:, p] = source[:, p]
            by_position.append(patched(("latent", t), one_position))
    shape = [len(case.ids), case.count, 3]
    write(name, case.tensors | {
        "clean": case.measure(clean), "corrupted": case.measure(corrupted),
        "z": torch.stack(by_head).reshape(case.iterations, case.heads, *shape),
        "pattern": torch.stack(by_query).reshape(4, case.heads, *shape),
        "latent": torch.stack(by_position).reshape(case.iterations, *shape)}, {})


def write_circuits(name):
    """Gradients of a trained model's patches by autograd, and paths by frozen runs, of the same sums."""
    case = SumPairs()
    clean, sources = case.record(case.inputs[0])
    corrupted, base = case.record(case.inputs[1])
    steps = 3
    wanted = ["core.0.attn.z", "core.0.attn.pattern", "latent"]
    tensors = case.tensors

    def scores(places, label):
        """Σ gradient·(clean − corrupted) of every metric, the gradient averaged over the places on the way."""
        sums = {}
        for place in places:
            variables = {}

            def tap(site, t, x, place=place, variables=variables):
                if site == "embed":
                    x = x + place * (sources[site, t] - base[site, t])
                if site in wanted or site == "embed":
                    variables[site, t] = torch.zeros_like(x).requires_grad_()
                    x = x + variables[site, t]
                return x

            values = case.measure(case.run(case.inputs[1], tap)).sum(0)
            for metric in range(3):
                found = torch.autograd.grad(values[metric], list(variables.values()), retain_graph=True)
                for key, gradient in zip(variables, found, strict=True):
                    product = gradient * (sources[key] - base[key]) / len(places)
                    sums[key, metric] = sums.get((key, metric), 0) + product

        def stack(site, first, reduce):
            return torch.stack([
                torch.stack([reduce(sums[(site, t), metric]) for metric in range(3)], -1)
                for t in range(first, case.iterations + 1)])

        pairs, positions = case.count, len(case.ids)
        # [t, head, position, pair, metric], without heads where there are none
        by_head = stack("core.0.attn.z", 1, lambda x: x.reshape(pairs, positions, case.heads, -1).sum(-1))
        tensors[f"{label}.z"] = by_head.permute(0, 3, 2, 1, 4)
        by_query = stack("core.0.attn.pattern", case.iterations - 3, lambda x: x.sum(-1))
        tensors[f"{label}.pattern"] = by_query.permute(0, 2, 3, 1, 4)
        tensors[f"{label}.latent"] = stack("latent", 1, lambda x: x.sum(-1)).permute(0, 2, 1, 3)
        embedded = torch.stack([sums[("embed", 0), metric].sum(-1) for metric in range(3)], -1)
        tensors[f"{label}.embed"] = embedded.permute(1, 0, 2)

    scores([0], "gradient")
    scores([(i + 0.5) / steps for i in range(steps)], "integrated")

    def path(sender, head, start, receiver, receiver_head, end):
        """The metrics when a receiver takes in what comes straight from a sender."""
        arrived = {}
        stages = {"core.0.attn_out": 0, "core.0.mlp_out": 1}

        def straight(site, t, x):
            if site in stages and (t > start or (t == start and stages[site] > stages.get(sender, 0))):
                return base[site, t]
            if (site, t) == (sender, start):
                x = x.clone()
                columns = slice(None) if head is None else case.columns_of(head)
                x[..., columns] = sources[site, t][..., columns]
            arrived[site, t] = x
            return x

        logits = case.run(case.inputs[1], straight)
        if receiver == "logits":
            return case.measure(logits)

        def put(site, t, x):
            if (site, t) != (receiver, end):
                return x
            x = x.clone()
            columns = slice(None) if receiver_head is None else case.columns_of(receiver_head)
            x[..., columns] = arrived[site, t][..., columns]
            return x

        return case.measure(case.run(case.inputs[1], put))

    last = case.iterations
    reads = [f"core.0.attn.{part}" for part in "qkv"]
    heads = range(case.heads)
    # [sender's head, reader, receiver's head, pair, metric] from each head at T − 2 to the next iteration's heads.
    tensors["paths.heads"] = torch.stack([
        path("core.0.attn.z", h, last - 2, site, g, last - 1) for h in heads for site in reads for g in heads
    ]).reshape(case.heads, 3, case.heads, case.count, 3)
    # From the perceptron at T − 3 to the heads two iterations on.
    tensors["paths.lag"] = torch.stack([
        path("core.0.mlp_out", None, last - 3, site, g, last - 1) for site in reads for g in heads
    ]).reshape(3, case.heads, case.count, 3)
    # From each head at T − 1 to the same iteration's perceptron, and to the logits.
    tensors["paths.mlp"] = torch.stack([
        path("core.0.attn.z", h, last - 1, "core.0.mlp.pre", None, last - 1) for h in heads])
    tensors["paths.logits"] = torch.stack([
        path("core.0.attn.z", h, last - 1, "logits", None, last) for h in heads])
    write(name, {key: value.contiguous() for key, value in tensors.items()}, {})


def write_archive(name):
    """What numpy.savez writes, and two arrays that the reader does not take."""
    values = numpy.arange(6).reshape(2, 3) / 10
    numpy.savez(
        HERE / f"{name}.npz", double=values, single=numpy.arange(4, dtype="float32") / 4,
        columns=numpy.asfortranarray(values), whole=numpy.arange(3))


def random_parameters(configuration, generator):
    """Parameters no one of which is at a trivial value: gains near one, biases near zero, weights by fan-in."""
    parameters = {}
    for key, shape in reference.parameter_shapes(configuration).items():
        values = torch.randn(*shape, generator=generator, dtype=torch.float64)
        if "norm" in key and key.endswith(".weight"):
            values = 1 + 0.3 * values
        elif key in ("embed.weight", "position.weight", "initial_latent"):
            pass
        elif key.endswith("relative.weight"):
            values = 0.7 * values
        elif key.endswith(".bias"):
            values = 0.3 * values
        else:
            values = values * 0.8 / math.sqrt(shape[-1])
        parameters[key] = values
    return parameters


def random_input(configuration, case, generator):
    """Tokens [B, P, channels], position numbers [P], and targets [B, P] of which about a fifth are −1."""
    positions = case["positions"]
    tokens = torch.randint(
        configuration["vocabulary"], (BATCH, positions, configuration["channels"]), generator=generator)
    ids = torch.tensor(case.get("ids", list(range(positions))))
    if ("ids" in case) != (configuration["positionIDs"] == "coupled"):
        raise ValueError("a case gives ids exactly when they are coupled")
    targets = torch.randint(configuration["classes"], (BATCH, positions), generator=generator)
    targets[0, 0] = targets[1, positions - 1] = -1
    return tokens, ids, targets


def check_coverage():
    """Fails when some option's value is in no golden."""
    configurations = [
        reference.read_configuration(json.dumps(case["configuration"])) for case in MODELS.values()]

    def require(what, expected, seen):
        missing = set(expected) - set(seen)
        if missing:
            raise ValueError(f"no golden covers {what}: {missing}")

    def values(*path):
        for value in configurations:
            for key in path:
                value = value[key]
            yield value

    norms = [c["norm"] for c in configurations]
    require("channels", {1, 2}, values("channels"))
    require("prelude", {0, 1, 2}, values("prelude"))
    require("core", {1, 2}, values("core"))
    require("coda", {0, 1, 2}, values("coda"))
    require("recall", {"concat", "add", "none", "gated", "cross"}, values("recall"))
    require("copy gates", itertools.product(["pre", "post"], [True]),
            [(c["norm"]["placement"], c["copyGate"] is not None) for c in configurations])
    require("neuromodulation", {None, "both", "input", "latent"},
            [c["neuromodulation"] and c["neuromodulation"]["reads"] for c in configurations])
    require("initialLatent", {"zeros", "input", "learned"}, values("initialLatent"))
    require("norms", itertools.product(["pre", "post", "sandwich"], ["layer", "rms"]),
            [(n["placement"], n["kind"]) for n in norms])
    require("norm biases", itertools.product(["layer", "rms"], [True, False]),
            [(n["kind"], n["bias"]) for n in norms])
    require("activations", {"gelu", "relu", "swiglu"}, values("mlp", "activation"))
    require("embedding positions", {"none", "learned", "sinusoidal"}, values("embedding", "positions"))
    require("attention positions", {"none", "alibi", "rope", "relative"},
            values("attention", "positions"))
    require("given slopes", {True, False},
            [c["attention"]["slopes"] is not None for c in configurations
             if c["attention"]["positions"] == "alibi"])
    require("coupled ids with", {"alibi", "rope", "relative"},
            [c["attention"]["positions"] for c in configurations if c["positionIDs"] == "coupled"])
    require("masks", {*itertools.product(["full", "causal"], [True, False]), ("neighbourhood", False)},
            [(c["attention"]["mask"], c["attention"]["window"] is not None) for c in configurations])
    require("neighbourhoods with", {"alibi", "relative"},
            [c["attention"]["positions"] for c in configurations if c["attention"]["radius"] is not None])
    require("directions", {"both", "backward", "forward"},
            [way for c in configurations for way in c["attention"]["directions"] or []])
    require("grouped heads", {True, False},
            [c["attention"]["heads"] > c["attention"]["keyValueHeads"] for c in configurations])
    require("updates", {("replace", False), ("euler", True), ("euler", False)},
            [(c["update"]["kind"], c["update"]["step"] is not None) for c in configurations])
    for path in [("attention", "bias"), ("mlp", "bias"), ("outerNorm",), ("finalNorm",), ("shared",)]:
        require(".".join(path), {True, False}, values(*path))


# AdamW


def write_adamw():
    """Four steps of torch.optim.AdamW on given gradients, with decay on the weight only and a changing rate."""
    generator = torch.Generator().manual_seed(seed("adamw"))
    rates = [1e-3, 1e-2, 5e-3, 2e-3]
    options = {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-8}
    decays = {"weight": 0.1, "bias": 0.0}
    shapes = {"weight": (3, 4), "bias": (5,)}
    parameters = {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_()
        for name, shape in shapes.items()}
    optimizer = torch.optim.AdamW(
        [{"params": [parameters[name]], "weight_decay": decays[name]} for name in shapes],
        lr=rates[0], betas=(options["beta1"], options["beta2"]), eps=options["epsilon"])
    tensors = {"rates": torch.tensor(rates, dtype=torch.float64)}
    for name, parameter in parameters.items():
        tensors[f"step.0.parameter.{name}"] = parameter.clone()
    for step, rate in enumerate(rates, 1):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for name, parameter in parameters.items():
            gradient = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            # No gradient at all, one lost beside epsilon, one huge: for every step.
            gradient.view(-1)[:3] *= torch.tensor([0, 1e-12, 1e12], dtype=torch.float64)
            parameter.grad = gradient
            tensors[f"step.{step}.gradient.{name}"] = gradient.clone()
        optimizer.step()
        for name, parameter in parameters.items():
            state = optimizer.state[parameter]
            tensors[f"step.{step}.parameter.{name}"] = parameter.clone()
            tensors[f"step.{step}.first.{name}"] = state["exp_avg"].clone()
            tensors[f"step.{step}.second.{name}"] = state["exp_avg_sq"].clone()
    write("adamw", tensors, {
        "beta1": repr(options["beta1"]), "beta2": repr(options["beta2"]),
        "epsilon": repr(options["epsilon"]),
        "decay.weight": repr(decays["weight"]), "decay.bias": repr(decays["bias"])})


# Elementwise functions at extreme inputs


def write_elementwise():
    """Each function in 60 digits, rounded once to the precision of its inputs."""
    with mpmath.workdps(60):
        tensors = {}
        for prefix, dtype in [("f64", torch.float64), ("f32", torch.float32)]:
            for key, value in elementwise(dtype).items():
                tensors[f"{prefix}.{key}"] = value
    write("elementwise", tensors, {"smoothing": repr(0.1), "method": "mpmath, 60 digits"})


def elementwise(dtype):
    info = torch.finfo(dtype)
    largest, smallest = info.max, info.smallest_normal
    subnormal = smallest * info.eps
    top = math.log(largest)
    bottom = math.log(smallest)
    ordinary = torch.linspace(-6, 6, 49, dtype=dtype).tolist() + [1e-3, -1e-3, 1 / 3, -1 / 3]
    tiny = [0.0, -0.0, subnormal, -subnormal, smallest, -smallest, info.eps, -info.eps, 1e-20, -1e-20]
    exponents = ordinary + tiny + [
        top * (1 - 4 * info.eps), top + 1, top / 2, bottom, bottom - 1, bottom - 10, bottom / 2,
        1e4, -1e4, largest, -largest, math.inf, -math.inf, 88.0, -87.0, -88.0, -103.0, 20.0, -20.0]
    inputs = ordinary + tiny + [
        8.0, -8.0, 9.5, -9.5, 12.0, -12.0, 50.0, -50.0, 87.0, -87.0, 104.0, -104.0, 700.0, -700.0,
        1e4, -1e4, 1e15, -1e15, largest, -largest]

    def rounded(function, values):
        values = torch.tensor(values, dtype=dtype)
        return values, torch.tensor([to_float(function(mpmath.mpf(v)), dtype) for v in values.tolist()],
                                    dtype=dtype)

    tensors = {}
    tensors["exp.input"], tensors["exp.value"] = rounded(mpmath.exp, exponents)
    for name, value, derivative in [("gelu", gelu, gelu_derivative), ("silu", silu, silu_derivative),
                                    ("sigmoid", sigmoid, sigmoid_derivative)]:
        tensors[f"{name}.input"], tensors[f"{name}.value"] = rounded(value, inputs)
        _, tensors[f"{name}.derivative"] = rounded(derivative, inputs)

    rows = [
        [0, 0, 0, 0, 0], [1, 2, 3, 4, 5], [-0.5, 0.25, 1e-6, -1e-6, 0], [80, -80, 79.5, 0, 1],
        [1000, 999, 998, -1000, 0], [-1e4, -1e4 + 1, -1e4 + 2, -2e4, -1e4], [3e4, 0, 0, 0, 0],
        [1e30, -1e30, 1e30, 0, 1], [largest, -largest, 0, largest, 1], [-90, -95, -100, 0, -105],
        [smallest, -smallest, subnormal, 0, 0]]
    masked = [[-math.inf, 0, -math.inf, 1, 2], [-math.inf, -math.inf, -math.inf, -math.inf, 7],
              [5e3, -math.inf, 5e3, 4990, -math.inf]]
    scores = torch.tensor(rows + masked, dtype=dtype)
    tensors["softmax.input"] = scores
    tensors["softmax.value"] = torch.tensor(
        [[to_float(p, dtype) for p in softmax(row)] for row in scores.tolist()], dtype=dtype)

    # Without the row at the largest number: a sum over its classes overflows.
    logits = torch.tensor([row for row in rows if largest not in row], dtype=dtype)
    targets = torch.arange(len(logits)) % logits.shape[1]
    tensors["cross_entropy.logits"], tensors["cross_entropy.targets"] = logits, targets
    for name, smoothing in [("plain", 0.0), ("smooth", 0.1)]:
        losses, gradients = zip(*[
            cross_entropy(row, target, smoothing)
            for row, target in zip(logits.tolist(), targets.tolist(), strict=True)], strict=True)
        tensors[f"cross_entropy.{name}.loss"] = torch.tensor(
            [to_float(x, dtype) for x in losses], dtype=dtype)
        tensors[f"cross_entropy.{name}.gradient"] = torch.tensor(
            [[to_float(x, dtype) for x in row] for row in gradients], dtype=dtype)
    return tensors


def to_float(x, dtype):
    """x rounded to the nearest number of dtype, infinite or zero (of x's sign) beyond its range."""
    if mpmath.isinf(x):
        return math.inf if x > 0 else -math.inf
    info = torch.finfo(dtype)
    if abs(x) > info.max:
        return math.copysign(math.inf, x)
    # A multiple of the spacing at x: Python's float holds it exactly, subnormals included.
    precision = {torch.float64: 52, torch.float32: 23}[dtype]
    least = {torch.float64: -1022, torch.float32: -126}[dtype]
    exponent = max(int(mpmath.floor(mpmath.log(abs(x), 2))), least) if x != 0 else least
    spacing = mpmath.ldexp(mpmath.mpf(1), exponent - precision)
    return float(mpmath.nint(x / spacing) * spacing)


def sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def sigmoid_derivative(x):
    return sigmoid(x) * sigmoid(-x)


def gelu(x):
    return x * sigmoid(2 * mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3))


def gelu_derivative(x):
    cubic = mpmath.mpf("0.044715")
    rate = 2 * mpmath.sqrt(2 / mpmath.pi)
    s = sigmoid(rate * (x + cubic * x**3))
    return s + x * s * (1 - s) * rate * (1 + 3 * cubic * x**2)


def silu(x):
    return x * sigmoid(x)


def silu_derivative(x):
    return sigmoid(x) * (1 + x * (1 - sigmoid(x)))


def softmax(row):
    exponentials = [mpmath.exp(mpmath.mpf(x)) for x in row]
    total = mpmath.fsum(exponentials)
    return [x / total for x in exponentials]


def cross_entropy(row, target, smoothing):
    """(1 − s)·nll + s·mean over classes of −log p, and its gradient by the logits."""
    row = [mpmath.mpf(x) for x in row]
    smoothing = mpmath.mpf(smoothing)
    greatest = max(row)
    shifted = [x - greatest for x in row]
    total = mpmath.log(mpmath.fsum(mpmath.exp(x) for x in shifted))
    negative = [total - x for x in shifted]
    loss = (1 - smoothing) * negative[target] + smoothing * mpmath.fsum(negative) / len(row)
    gradient = [
        mpmath.exp(-x) - (1 - smoothing) * (i == target) - smoothing / len(row)
        for i, x in enumerate(negative)]
    return loss, gradient


# Paths


def write_flow():
    """A random path with its dynamic modes and principal components, by other routes than the library's: eigenvalues of
    the whole map Y X⁺ and of the covariance matrix."""
    generator = numpy.random.default_rng(seed("flow"))
    length, dimension, rank, components = 24, 9, 5, 3
    states = numpy.cumsum(generator.standard_normal((length, dimension)), axis=0)
    x, y = states[:-1].T, states[1:].T
    u, s, vh = numpy.linalg.svd(x, full_matrices=False)
    a = y @ (vh[:rank].T / s[:rank]) @ u[:, :rank].T
    values = numpy.linalg.eigvals(a)
    values = values[numpy.argsort(-abs(values))][:rank]
    residual = numpy.linalg.norm(y - a @ (u[:, :rank] * s[:rank]) @ vh[:rank]) / numpy.linalg.norm(y)
    centred = states - states.mean(axis=0)
    variances, directions = numpy.linalg.eigh(numpy.cov(centred.T))
    variances, directions = variances[::-1], directions[:, ::-1][:, :components]
    # A direction's largest entry is positive.
    directions = directions * numpy.sign(directions[abs(directions).argmax(axis=0), range(components)])
    tensors = {
        "states": states, "dmd.real": values.real, "dmd.imag": values.imag, "dmd.residual": numpy.array(residual),
        "pca.shares": variances[:components] / variances.sum(), "pca.scores": centred @ directions,
    }
    tensors = {key: torch.from_numpy(numpy.array(value, dtype=numpy.float64)) for key, value in tensors.items()}
    write("flow", tensors, {"rank": str(rank)})


# Probes


def write_linear():
    """Linear probes by scikit-learn at given penalties, on standardised values, and LEACE by SciPy."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.metrics import balanced_accuracy_score, roc_auc_score
    from sklearn.preprocessing import StandardScaler

    generator = numpy.random.default_rng(seed("linear"))
    rows, width, classes = 240, 7, 3
    mixing = generator.standard_normal((width, width))
    values = generator.standard_normal((rows, width)) @ mixing + 5 * generator.standard_normal(width)
    numbers = values @ generator.standard_normal(width) + 2 * generator.standard_normal(rows)
    three = numpy.digitize(values @ generator.standard_normal(width) + 2 * generator.standard_normal(rows), [-4, 9])
    two = (numbers > numpy.median(numbers) + 1).astype(int)
    x = StandardScaler().fit_transform(values)
    tensors = {"values": values, "numbers": numbers, "two": two, "three": three}
    penalties = [1e-3, 1e-2, 1e-1, 1]
    for i, penalty in enumerate(penalties):
        ridge = Ridge(alpha=rows * penalty, solver="svd").fit(x, numbers)
        tensors[f"ridge.{i}.prediction"] = ridge.predict(x)
        tensors[f"ridge.{i}.objective"] = (
            numpy.mean((numbers - ridge.predict(x)) ** 2) + penalty * numpy.sum(ridge.coef_**2))
        for name, labels in [("two", two), ("three", three)]:
            logistic = LogisticRegression(C=1 / (rows * penalty), tol=1e-10, max_iter=10000).fit(x, labels)
            probability = logistic.predict_proba(x)
            tensors[f"logistic.{name}.{i}.probability"] = probability
            tensors[f"logistic.{name}.{i}.objective"] = (
                -numpy.mean(numpy.log(probability[numpy.arange(rows), labels]))
                + penalty / 2 * numpy.sum(logistic.coef_**2))
    for name, labels in [("two", two), ("three", three)]:
        for shrinkage in [0.0, 0.2]:
            discriminant = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage).fit(x, labels)
            probability = discriminant.predict_proba(x)
            tensors[f"discriminant.{name}.{shrinkage}.probability"] = probability
            score = probability if name == "three" else probability[:, 1]
            tensors[f"discriminant.{name}.{shrinkage}.auc"] = roc_auc_score(labels, score, multi_class="ovr")
            tensors[f"discriminant.{name}.{shrinkage}.balanced"] = balanced_accuracy_score(
                labels, discriminant.predict(x))
    # LEACE as Belrose et al. write it, x − W⁺ P W (x − E x) with W = Σ^(−1/2), by SciPy's matrix square root.
    z = numpy.eye(classes)[three]
    centred = values - values.mean(axis=0)
    whitening = numpy.linalg.inv(scipy.linalg.sqrtm(centred.T @ centred / rows).real)
    cross = whitening @ centred.T @ (z - z.mean(axis=0)) / rows
    u, s, _ = numpy.linalg.svd(cross, full_matrices=False)
    u = u[:, s > 1e-10 * s[0]]
    tensors["leace"] = values - centred @ (numpy.linalg.inv(whitening) @ u @ u.T @ whitening).T
    tensors = {key: torch.from_numpy(numpy.array(value, dtype=numpy.float64)) for key, value in tensors.items()}
    write("linear", tensors, {"penalties": json.dumps(penalties)})


# Lenses


def write_lens():
    """What PyTorch reads out of every latent of a trained model that adds, on two sums; KL is from the last readout."""
    name, iterations = "trained-columns", 10
    parameters = {key: value.double() for key, value in load_file(HERE / f"{name}.model.safetensors").items()}
    text = json.dumps(json.loads((HERE / f"{name}.model.json").read_text()))
    # 999999 + 000001 and 271828 + 314159, lowest digits first, then a column for the final carry.
    numbers = [("999999", "000001"), ("271828", "314159")]
    tokens = torch.tensor([[[10, 10]] + [[int(x), int(y)] for x, y in zip(a[::-1], b[::-1])] + [[0, 0]] for a, b in numbers])
    sums = [str(int(a) + int(b)).zfill(7)[::-1] for a, b in numbers]
    targets = torch.tensor([[-1] + [int(digit) for digit in digits] for digits in sums])
    model = reference.Reference(reference.read_configuration(text), parameters, torch.arange(tokens.shape[1]))
    e = model.embed(tokens)
    latents = [model.initial(e)]
    for t in range(1, iterations + 1):
        latents.append(model.step(t, e, latents[-1])[0])
    logits = torch.stack([model.readout(z) for z in latents])
    logs = logits.log_softmax(-1)
    wanted = targets.clamp(min=0)[None, ..., None].expand(iterations + 1, -1, -1, 1)
    write("lens", {
        "input.tokens": tokens, "input.targets": targets, "top": logits.argmax(-1),
        "top.probability": logs.exp().amax(-1), "entropy": torch.distributions.Categorical(logits=logits).entropy(),
        "divergence": F.kl_div(logs, logs[-1:].expand_as(logs), reduction="none", log_target=True).sum(-1),
        "target.probability": logs.exp().gather(-1, wanted)[..., 0],
        "target.rank": (logits > logits.gather(-1, wanted)).sum(-1)}, {})


class Straight(reference.Reference):
    """The model with its norms' scales held and nothing flowing back through attention and perceptrons, so that a
    gradient is that along the residual stream. What adds to the stream is a leaf."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.leaves = {}

    def leaf(self, name, value):
        self.leaves[name] = value.detach().requires_grad_()
        return self.leaves[name]

    def linear(self, name, x):
        if name.endswith(".attn.out"):
            return super().linear(name, self.leaf(name, x))
        y = super().linear(name, x)
        return self.leaf(name, y) if name.endswith(".mlp.down") and not self.is_sandwich() else y

    def norm(self, name, x):
        if self.c["norm"]["kind"] == "layer":
            x = x - x.mean(-1, keepdim=True)
        scale = torch.sqrt((x * x).mean(-1, keepdim=True) + self.c["norm"]["epsilon"]).detach()
        y = x / scale * self.p[f"{name}.weight"]
        bias = self.p.get(f"{name}.bias")
        y = y if bias is None else y + bias
        return self.leaf(name, y) if name.endswith(".mlp_norm_post") else y

    def is_sandwich(self):
        return self.c["norm"]["placement"] == "sandwich"

    def shares(self):
        """What each leaf adds, by the name of its component: gradient times value, [B, P]."""
        found = {}
        for name, leaf in self.leaves.items():
            if leaf.grad is None:
                continue
            product = leaf.grad * leaf.detach()
            part = name.split(".")
            if name.endswith(".attn.out"):
                for head, values in enumerate(product.chunk(self.c["attention"]["heads"], -1)):
                    found[f"{part[-4]}.{part[-3]} head {head}"] = values.sum(-1)
            elif part[-1] in ("down", "mlp_norm_post"):
                block = part[:-2] if part[-1] == "down" else part[:-1]
                found[f"{block[-2]}.{block[-1]} mlp"] = product.sum(-1)
            else:
                found[name] = product.sum(-1)
        return found


def write_attribution():
    """Shares of the logit of class 1 less that of class 0 at the last iteration of every ungated random model: of its own parts
    (`direct`), and of all iterations' with the latents between them taken apart (`unrolled`)."""
    tensors = {}
    for name in MODELS:
        golden = load_file(HERE / f"{name}.safetensors")
        configuration = reference.read_configuration(json.dumps(MODELS[name]["configuration"]))
        if configuration["recall"] in ("gated", "cross"):
            continue
        parameters = {key[10:]: value for key, value in golden.items() if key.startswith("parameter.")}
        count, tokens, ids = configuration["iterations"], golden["input.tokens"], golden["input.ids"]
        rows = MODELS[name].get("rows", 1)
        for kind, first in [("direct", count), ("unrolled", 1)]:
            z = golden[f"latent.{first - 1}"]
            models = []
            for t in range(first, count + 1):
                model = Straight(configuration, parameters, ids, rows=rows)
                e = reference.Reference(configuration, parameters, ids, rows=rows).embed(tokens)
                e = model.leaf("input", e)
                z, _ = model.step(t, e, model.leaf("latent before", z) if t == first else z)
                models.append(model)
            logits = models[-1].readout(z)
            difference = logits[..., 1] - logits[..., 0]
            difference.sum().backward()
            for t, model in enumerate(models, first):
                for component, share in model.shares().items():
                    key = component if kind == "direct" else f"{t}.{component}"
                    tensors[f"{name}.{kind}.{key}"] = share
        tensors[f"{name}.difference"] = difference
    write("attribution", tensors, {})


# Similarity of representations


def write_geometry():
    """Two pairs of views with CKA from the points' Gram matrices (Song et al. 2012 for the debiased one), the Procrustes
    distance from SciPy's best turn, and spectra from the singular values of the centred points."""
    generator = numpy.random.default_rng(seed("geometry"))
    tensors = {}
    base = generator.standard_normal((40, 5)) @ generator.standard_normal((5, 5)) + 3
    pairs = {
        "wide": (base, generator.standard_normal((40, 9)) + base @ generator.standard_normal((5, 9))),
        "near": (base, base + 0.2 * generator.standard_normal((40, 5))),
    }
    for name, (x, y) in pairs.items():
        u, v = x - x.mean(0), y - y.mean(0)
        k, m = x @ x.T, y @ y.T
        centring = numpy.eye(40) - 1 / 40
        biased = [numpy.trace(centring @ a @ centring @ b) for a, b in [(k, m), (k, k), (m, m)]]
        unbiased = [hsic(a, b) for a, b in [(k, m), (k, k), (m, m)]]
        wide = max(u.shape[1], v.shape[1])
        a, b = (numpy.pad(w / numpy.linalg.norm(w), ((0, 0), (0, wide - w.shape[1]))) for w in (u, v))
        turn, _ = scipy.linalg.orthogonal_procrustes(b, a)
        variances = numpy.linalg.svd(u, compute_uv=False) ** 2 / 39
        shares = variances / variances.sum()
        values = {
            "x": x, "y": y, "cka": biased[0] / math.sqrt(biased[1] * biased[2]),
            "debiased": unbiased[0] / math.sqrt(unbiased[1] * unbiased[2]),
            "procrustes": numpy.linalg.norm(a - b @ turn), "variances": variances,
            "participation": variances.sum() ** 2 / (variances**2).sum(),
            "entropy": math.exp(-(shares * numpy.log(shares)).sum()),
        }
        tensors |= {f"{name}.{key}": torch.from_numpy(numpy.array(value)) for key, value in values.items()}
    write("geometry", tensors, {})


def hsic(k, m):
    """The unbiased Hilbert-Schmidt independence criterion of two Gram matrices, but for a factor."""
    n = len(k)
    k, m = (a - numpy.diag(numpy.diag(a)) for a in (k, m))
    return (
        numpy.trace(k @ m) + k.sum() * m.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k.sum(0) @ m.sum(0)))


# Files


def write_reader():
    """A file for the reader's tests, in safetensors' own writing: shapes and values that are easily lost."""
    specials = [0.0, -0.0, 1.5, math.inf, -math.inf]
    tensors = {
        "single": torch.arange(6, dtype=torch.float32).reshape(2, 3) / 4,
        "single.special": torch.tensor(specials + [2.0**-149, 3.4028234663852886e38], dtype=torch.float32),
        "double": (torch.arange(24, dtype=torch.float64) / 10).reshape(2, 3, 4),
        "double.special": torch.tensor(specials + [5e-324, 1.7976931348623157e308], dtype=torch.float64),
        "scalar": torch.tensor(math.pi, dtype=torch.float64),
        "empty": torch.zeros(0, 3, dtype=torch.float32),
        "gewichte.größe": torch.tensor([7.0], dtype=torch.float32),
    }
    write("reader", tensors, {"note": 'quotes " and \\ and ü'})


def seed(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")


def write(name, tensors, metadata):
    """Writes NAME.safetensors, unless it holds just this: safetensors orders its metadata by chance."""
    path = HERE / f"{name}.safetensors"
    tensors = {key: value.detach().contiguous() for key, value in tensors.items()}
    metadata = {**metadata, "script": f"{SCRIPT} {name}", "torch": torch.__version__}
    same = path.exists() and holds(path, tensors, metadata)
    if not same:
        save_file(tensors, path, metadata)
    print(f"{path.stat().st_size:8d}  {len(tensors):4d} tensors  {path.name}{'  (unchanged)' * same}")


def holds(path, tensors, metadata):
    with safe_open(path, "pt") as file:
        return (
            file.metadata() == metadata
            and set(file.keys()) == tensors.keys()
            and all(identical(file.get_tensor(key), value) for key, value in tensors.items()))


def identical(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.numpy().tobytes() == b.numpy().tobytes()


def main(names):
    check_coverage()
    torch.use_deterministic_algorithms(True)
    writers = {name: lambda name=name: write_model(name, MODELS[name]) for name in MODELS}
    writers |= {"adamw": write_adamw, "elementwise": write_elementwise, "flow": write_flow, "linear": write_linear, "reader": write_reader}
    writers |= {"attribution": write_attribution, "geometry": write_geometry, "lens": write_lens}
    writers["basis"] = lambda: write_archive("basis")
    writers["trained-columns"] = lambda: write_trained("trained-columns")
    writers["patching"] = lambda: write_patching("patching")
    writers["circuits"] = lambda: write_circuits("circuits")
    unknown = set(names) - writers.keys()
    if unknown:
        sys.exit(f"no golden is named {', '.join(sorted(unknown))}; there are {', '.join(writers)}")
    for name in names or writers:
        writers[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
