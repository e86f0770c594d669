"""A plain PyTorch implementation of the recurrent-depth transformer, the independent answer for the goldens.

Written for clarity and double precision, one tensor operation a line of the definition: no fused attention,
no tricks. It reads the configuration's JSON and tensors by name and shares no code with the Swift library.
"""

import json
import math

import torch
import torch.nn.functional as F

DEFAULTS = {
    "channels": 1,
    "prelude": 0,
    "core": 1,
    "coda": 0,
    "shared": True,
    "embedding": {"deviation": 1.0, "positions": "none", "maximumPositions": 512},
    "positionIDs": "index",
    "attention": {
        "keyValueHeads": None,
        "bias": True,
        "positions": "none",
        "slopes": None,
        "ropeBase": 10000.0,
        "relativeRadius": 8,
        "mask": "full",
        "window": None,
        "radius": None,
        "directions": None,
    },
    "mlp": {"activation": "gelu", "bias": True},
    "norm": {"kind": "layer", "placement": "pre", "epsilon": 1e-5, "bias": None},
    "recall": "concat",
    "initialLatent": "zeros",
    "noise": 1.0,
    "outerNorm": False,
    "finalNorm": True,
    "update": {"kind": "replace", "step": None},
    "neuromodulation": None,
    "copyGate": None,
}
REQUIRED = {"": {"vocabulary", "classes", "width", "iterations"}, "attention": {"heads"}, "mlp": {"width"}}


def read_configuration(text):
    """The configuration as nested dictionaries with every default filled in."""

    def fill(given, defaults, section):
        required = REQUIRED.get(section, set())
        unknown = given.keys() - defaults.keys() - required
        missing = required - given.keys()
        if unknown or missing:
            raise ValueError(f"configuration {section!r}: unknown {unknown}, missing {missing}")
        filled = dict(given)
        for key, value in defaults.items():
            if isinstance(value, dict):
                filled[key] = fill(given.get(key, {}), value, key)
            else:
                filled.setdefault(key, value)
        return filled

    configuration = fill(json.loads(text), DEFAULTS, "")
    attention, norm = configuration["attention"], configuration["norm"]
    if configuration["neuromodulation"] is not None:
        configuration["neuromodulation"].setdefault("reads", "both")
    if attention["keyValueHeads"] is None:
        attention["keyValueHeads"] = attention["heads"]
    if norm["bias"] is None:
        norm["bias"] = norm["kind"] == "layer"
    return configuration


def parameter_shapes(configuration):
    """Every parameter's name and shape."""
    c = configuration
    attention, mlp, width = c["attention"], c["mlp"], c["width"]
    head_width = width // attention["heads"]
    shapes = {"embed.weight": (c["vocabulary"], width)}

    def linear(name, outputs, inputs, bias):
        shapes[f"{name}.weight"] = (outputs, inputs)
        if bias:
            shapes[f"{name}.bias"] = (outputs,)

    def norm(name):
        shapes[f"{name}.weight"] = (width,)
        if c["norm"]["bias"]:
            shapes[f"{name}.bias"] = (width,)

    def relative(name):
        if attention["positions"] == "relative":
            neighbourhood = attention["mask"] == "neighbourhood"
            radius = attention["radius"] if neighbourhood else attention["relativeRadius"]
            shapes[f"{name}.relative.weight"] = (
                attention["heads"], (2 * radius + 1) ** (2 if neighbourhood else 1))

    def gate(name, hidden, inputs):
        linear(f"{name}.up", hidden, inputs, True)
        linear(f"{name}.down", width, hidden, True)

    def block(name):
        sandwich = c["norm"]["placement"] == "sandwich"
        heads, key_value_heads = attention["heads"], attention["keyValueHeads"]
        norm(f"{name}.attn_norm")
        linear(f"{name}.attn.qkv", (heads + 2 * key_value_heads) * head_width, width, attention["bias"])
        relative(f"{name}.attn")
        linear(f"{name}.attn.out", width, heads * head_width, attention["bias"])
        if sandwich:
            norm(f"{name}.attn_norm_post")
        norm(f"{name}.mlp_norm")
        up = 2 * mlp["width"] if mlp["activation"] == "swiglu" else mlp["width"]
        linear(f"{name}.mlp.up", up, width, mlp["bias"])
        linear(f"{name}.mlp.down", width, mlp["width"], mlp["bias"])
        if sandwich:
            norm(f"{name}.mlp_norm_post")
        if c["copyGate"] is not None:
            gate(f"{name}.copy_gate", c["copyGate"]["width"], width)

    if c["embedding"]["positions"] == "learned":
        shapes["position.weight"] = (c["embedding"]["maximumPositions"], width)
    if c["initialLatent"] == "learned":
        shapes["initial_latent"] = (width,)
    for i in range(c["prelude"]):
        block(f"prelude.{i}")
    for prefix in [""] if c["shared"] else [f"iterations.{t}." for t in range(1, c["iterations"] + 1)]:
        if c["recall"] in ("concat", "gated"):
            linear(f"{prefix}recall", width, 2 * width, True)
        if c["recall"] == "cross":
            norm(f"{prefix}recall.norm")
            norm(f"{prefix}recall.norm_input")
            linear(f"{prefix}recall.q", width, width, attention["bias"])
            linear(f"{prefix}recall.kv", 2 * attention["keyValueHeads"] * head_width, width, attention["bias"])
            relative(f"{prefix}recall")
            linear(f"{prefix}recall.out", width, width, attention["bias"])
        for b in range(c["core"]):
            block(f"{prefix}core.{b}")
        if c["outerNorm"]:
            norm(f"{prefix}outer_norm")
        if c["neuromodulation"] is not None:
            inputs = 2 * width if c["neuromodulation"]["reads"] == "both" else width
            gate(f"{prefix}neuromodulation", c["neuromodulation"]["width"], inputs)
    for i in range(c["coda"]):
        block(f"coda.{i}")
    if c["finalNorm"]:
        norm("final_norm")
    linear("head", c["classes"], width, True)
    return shapes


class Reference:
    """The model: a configuration, its parameters by name, the position numbers of one sequence, its grid's rows."""

    def __init__(self, configuration, parameters, ids, tap=lambda site, t, x: x, rows=1):
        self.c = configuration
        self.p = parameters
        self.ids = ids
        index, columns = torch.arange(len(ids)), len(ids) // rows
        # [2, query, key]: rows and columns from query to key.
        self.offsets = torch.stack([
            (index // columns)[None, :] - (index // columns)[:, None],
            (index % columns)[None, :] - (index % columns)[:, None]])
        # Sees the values of some sites at iteration t and returns what to go on with.
        self.tap = tap
        self.t = 0

    # Parts

    def linear(self, name, x):
        y = x @ self.p[f"{name}.weight"].T
        bias = self.p.get(f"{name}.bias")
        return y if bias is None else y + bias

    def norm(self, name, x):
        epsilon = self.c["norm"]["epsilon"]
        if self.c["norm"]["kind"] == "layer":
            x = x - x.mean(-1, keepdim=True)
        y = x / torch.sqrt((x * x).mean(-1, keepdim=True) + epsilon) * self.p[f"{name}.weight"]
        bias = self.p.get(f"{name}.bias")
        return y if bias is None else y + bias

    def rotate(self, x):
        """Turns the pairs (j, j + D/2) of x [B, heads, P, D] by id·base^(−2j/D)."""
        half = x.shape[-1] // 2
        j = torch.arange(half, dtype=x.dtype)
        rates = self.c["attention"]["ropeBase"] ** (-2 * j / x.shape[-1])
        angles = self.ids.to(x.dtype)[:, None] * rates
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()], -1)

    def bias(self, name, dtype):
        """What attention adds to its scores, [heads, P, P] or something that broadcasts to it."""
        a = self.c["attention"]
        heads = a["heads"]
        difference = self.ids[None, :] - self.ids[:, None]  # [query, key]: id_key − id_query
        if a["positions"] == "alibi":
            slopes = a["slopes"] or [2 ** (-8 * (h + 1) / heads) for h in range(heads)]
            slopes = torch.tensor(slopes, dtype=dtype)
            grid = a["mask"] == "neighbourhood"
            return -slopes[:, None, None] * (self.offsets.abs().amax(0) if grid else difference.abs())
        if a["positions"] == "relative":
            if a["mask"] == "neighbourhood":
                radius = a["radius"]
                down, across = self.offsets.clamp(-radius, radius) + radius
                return self.p[f"{name}.relative.weight"][:, down * (2 * radius + 1) + across]
            radius = a["relativeRadius"]
            return self.p[f"{name}.relative.weight"][:, difference.clamp(-radius, radius) + radius]
        return torch.zeros(1, 1, 1, dtype=dtype)

    def visible(self):
        """Which keys a head's query sees, [head, query, key]."""
        a = self.c["attention"]
        positions = len(self.ids)
        seen = torch.ones(positions, positions, dtype=torch.bool)
        if a["mask"] == "causal":
            seen = seen.tril()
        if a["window"] is not None:
            seen = seen & ((self.ids[None, :] - self.ids[:, None]).abs() <= a["window"])
        if a["mask"] == "neighbourhood":
            seen = seen & (self.offsets.abs() <= a["radius"]).all(0)
        difference = self.ids[None, :] - self.ids[:, None]
        ways = {"both": difference == difference, "backward": difference <= 0, "forward": difference >= 0}
        return torch.stack([seen & ways[way] for way in a["directions"] or ["both"] * a["heads"]])

    def attention(self, name, x):
        """The attention's output [B, P, W] and its pattern [B, heads, P, P]."""
        a = self.c["attention"]
        heads, groups = a["heads"], a["keyValueHeads"]
        head_width = x.shape[-1] // heads
        qkv = self.linear(f"{name}.qkv", x)
        q, k, v = qkv.split([heads * head_width, groups * head_width, groups * head_width], -1)
        q, k, v = (self.tap(f"{name}.{part}", self.t, x) for part, x in (("q", q), ("k", k), ("v", v)))
        return self.attend(name, q, k, v)

    def attend(self, name, q, k, v):
        """What queries [B, P, W] make of keys and values [B, P, groups·D], and the pattern [B, heads, P, P]."""
        a = self.c["attention"]
        batch, positions, width = q.shape
        heads, groups = a["heads"], a["keyValueHeads"]
        head_width = width // heads
        q = q.reshape(batch, positions, heads, head_width).transpose(1, 2)
        k = k.reshape(batch, positions, groups, head_width).transpose(1, 2)
        v = v.reshape(batch, positions, groups, head_width).transpose(1, 2)
        if a["positions"] == "rope":
            q, k = self.rotate(q), self.rotate(k)
        k = k.repeat_interleave(heads // groups, 1)
        v = v.repeat_interleave(heads // groups, 1)
        scores = q @ k.transpose(-1, -2) / math.sqrt(head_width) + self.bias(name, q.dtype)
        pattern = scores.masked_fill(~self.visible(), -math.inf).softmax(-1)
        pattern = self.tap(f"{name}.pattern", self.t, pattern)
        mixed = self.tap(f"{name}.z", self.t, (pattern @ v).transpose(1, 2).reshape(batch, positions, width))
        return self.linear(f"{name}.out", mixed), pattern

    def mlp(self, name, x):
        activation = self.c["mlp"]["activation"]
        up = self.tap(f"{name}.pre", self.t, self.linear(f"{name}.up", x))
        if activation == "gelu":
            hidden = F.gelu(up, approximate="tanh")
        elif activation == "relu":
            hidden = F.relu(up)
        else:
            gate, value = up.chunk(2, -1)
            hidden = F.silu(gate) * value
        return self.linear(f"{name}.down", hidden)

    def block(self, name, x):
        """The block's output and its attention pattern."""
        placement = self.c["norm"]["placement"]

        def out(site, y):
            return self.tap(f"{name}.{site}_out", self.t, y)

        if placement == "pre":
            attended, pattern = self.attention(f"{name}.attn", self.norm(f"{name}.attn_norm", x))
            h = x + out("attn", attended)
            read = self.norm(f"{name}.mlp_norm", h)
            y = h + out("mlp", self.mlp(f"{name}.mlp", read))
        elif placement == "post":
            attended, pattern = self.attention(f"{name}.attn", x)
            read = h = self.norm(f"{name}.attn_norm", x + out("attn", attended))
            y = self.norm(f"{name}.mlp_norm", h + out("mlp", self.mlp(f"{name}.mlp", h)))
        else:
            attended, pattern = self.attention(f"{name}.attn", self.norm(f"{name}.attn_norm", x))
            h = x + out("attn", self.norm(f"{name}.attn_norm_post", attended))
            read = self.norm(f"{name}.mlp_norm", h)
            y = h + out("mlp", self.norm(f"{name}.mlp_norm_post", self.mlp(f"{name}.mlp", read)))
        if self.c["copyGate"] is not None:
            gate = self.gate(f"{name}.copy_gate", read)
            y = gate * y + (1 - gate) * x
        return y, pattern

    def gate(self, name, x):
        """A gate between 0 and 1 by a network of one hidden layer."""
        return torch.sigmoid(self.linear(f"{name}.down", F.relu(self.linear(f"{name}.up", x))))

    def cross(self, name, e, z):
        """z and what it attends to in e."""
        queries = self.linear(f"{name}.q", self.norm(f"{name}.norm", z))
        k, v = self.linear(f"{name}.kv", self.norm(f"{name}.norm_input", e)).chunk(2, -1)
        return z + self.attend(name, queries, k, v)[0]

    # The model

    def embed(self, tokens):
        """tokens [B, P, channels] → e [B, P, W], the prelude included."""
        e = self.p["embed.weight"][tokens].sum(2)
        positions = self.c["embedding"]["positions"]
        if positions == "learned":
            e = e + self.p["position.weight"][self.ids]
        elif positions == "sinusoidal":
            even = torch.arange(0, self.c["width"], 2, dtype=e.dtype)
            angles = self.ids.to(e.dtype)[:, None] / 10000 ** (even / self.c["width"])
            e = e + torch.stack([angles.sin(), angles.cos()], -1).flatten(1)
        e = self.tap("embed", 0, e)
        for i in range(self.c["prelude"]):
            e, _ = self.block(f"prelude.{i}", e)
        return e

    def initial(self, e):
        kind = self.c["initialLatent"]
        if kind == "zeros":
            return torch.zeros_like(e)
        if kind == "input":
            return e
        if kind == "learned":
            return self.p["initial_latent"].expand_as(e)
        raise ValueError(f"initialLatent {kind} has no reference: its numbers come from a generator")

    def step(self, t, e, z):
        """Iteration t = 1…T: the next latent and the patterns of the core's blocks."""
        self.t = t
        prefix = "" if self.c["shared"] else f"iterations.{t}."
        recall = self.c["recall"]
        if recall == "concat":
            x = self.linear(f"{prefix}recall", torch.cat([e, z], -1))
        elif recall == "gated":
            gate = torch.sigmoid(self.linear(f"{prefix}recall", torch.cat([e, z], -1)))
            x = gate * e + (1 - gate) * z
        elif recall == "cross":
            x = self.cross(f"{prefix}recall", e, z)
        else:
            x = e + z if recall == "add" else z
        patterns = []
        for b in range(self.c["core"]):
            x, pattern = self.block(f"{prefix}core.{b}", x)
            patterns.append(pattern)
        if self.c["outerNorm"]:
            x = self.norm(f"{prefix}outer_norm", x)
        if self.c["neuromodulation"] is not None:
            read = {"both": torch.cat([e, z], -1), "input": e, "latent": z}[self.c["neuromodulation"]["reads"]]
            gate = self.gate(f"{prefix}neuromodulation", read)
            x = gate * x + (1 - gate) * z
        update = self.c["update"]
        if update["kind"] == "euler":
            delta = 1 / self.c["iterations"] if update["step"] is None else update["step"]
            x = z + delta * (x - z)
        return self.tap("latent", t, x), patterns

    def readout(self, z):
        """z [B, P, W] → logits [B, P, classes]."""
        for i in range(self.c["coda"]):
            z, _ = self.block(f"coda.{i}", z)
        if self.c["finalNorm"]:
            z = self.norm("final_norm", z)
        return self.linear("head", z)

    def run(self, tokens):
        """The embedded input, latents 0…T, and patterns[t − 1][b]."""
        e = self.embed(tokens)
        latents, patterns = [self.initial(e)], []
        for t in range(1, self.c["iterations"] + 1):
            z, of_blocks = self.step(t, e, latents[-1])
            latents.append(z)
            patterns.append(of_blocks)
        return e, latents, patterns


def loss(logits, targets, smoothing=0.0):
    """Mean cross-entropy over the positions whose target is not negative."""
    log_probabilities = logits.log_softmax(-1)[targets >= 0]
    scored = targets[targets >= 0]
    nll = -log_probabilities.gather(-1, scored[:, None])[:, 0]
    return ((1 - smoothing) * nll + smoothing * -log_probabilities.mean(-1)).mean()
