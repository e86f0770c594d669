"""Opens a trace or companion file with other people's readers and checks what they see.

    check_readers.py FILE EXPECTATIONS.json

The expectations are {"values": {PATH: {"index": [...], "value": x}}, "dims": {PATH: [...]},
"default": [name of the signal, its shape]}. Paths are those of datasets in the file.
Needs: see Tests/requirements.txt.
"""

import json
import math
import shutil
import subprocess
import sys

import h5py
import silx.io
import silx.io.nxdata
import xarray


def same(found, expected):
    if expected is None:
        return math.isnan(found)
    return abs(float(found) - expected) <= 1e-6 * max(1.0, abs(expected))


def check(condition, message):
    if not condition:
        sys.exit(f"FAILED: {message}")


def check_h5py(path, expected):
    with h5py.File(path, "r") as file:
        for name, item in expected["values"].items():
            found = file[name][tuple(item["index"])]
            check(same(found, item["value"]), f"h5py: {name}{item['index']} is {found}")
        for name, dims in expected["dims"].items():
            found = [dim.keys()[0] for dim in file[name].dims]
            check(found == dims, f"h5py: {name} has the scales {found}")

        def visit(name, item):
            if isinstance(item, h5py.Dataset):
                item[()]

        file.visititems(visit)


def check_xarray(path, expected, engine):
    root = xarray.open_dataset(path, engine=engine)
    check(len(root.attrs) > 0, f"xarray {engine}: the root shows no attributes")
    root.close()
    for name, item in expected["values"].items():
        group, _, variable = name.rpartition("/")
        with xarray.open_dataset(path, engine=engine, group=group or None) as data:
            found = data[variable].values[tuple(item["index"])]
            check(same(found, item["value"]), f"xarray {engine}: {name}{item['index']} is {found}")
    for name, dims in expected["dims"].items():
        group, _, variable = name.rpartition("/")
        with xarray.open_dataset(path, engine=engine, group=group or None) as data:
            found = list(data[variable].dims)
            check(found == dims, f"xarray {engine}: {name} has the dimensions {found}")
            for dim in dims:
                check(dim in data.coords, f"xarray {engine}: {name} lacks coordinates '{dim}'")


def check_silx(path, expected):
    with silx.io.open(path) as file:
        default = silx.io.nxdata.get_default(file)
        check(default is not None and default.is_valid, "silx: no valid default plot")
        name, shape = expected["default"]
        check(default.signal_dataset_name == name, f"silx: the default is {default.signal_dataset_name}")
        check(list(default.signal.shape) == shape, f"silx: its shape is {default.signal.shape}")

        groups = []

        def visit(_, item):
            if item.attrs.get("NX_class") in ("NXdata", b"NXdata"):
                groups.append(item)

        file.visititems(visit)
        check(len(groups) > 0, "silx: there are no NXdata groups")
        for group in groups:
            data = silx.io.nxdata.NXdata(group)
            check(data.is_valid, f"silx: {group.name}: {data.issues}")
            check(None not in data.axes, f"silx: {group.name} has axes without coordinates")


def check_h5dump(path):
    dump = shutil.which("h5dump")
    if dump is None:
        return
    done = subprocess.run([dump, path], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    check(done.returncode == 0 and not done.stderr, f"h5dump: {done.returncode} {done.stderr}")


path = sys.argv[1]
with open(sys.argv[2], encoding="utf-8") as file:
    expected = json.load(file)
check_h5py(path, expected)
for engine in ("netcdf4", "h5netcdf"):
    check_xarray(path, expected, engine)
check_silx(path, expected)
check_h5dump(path)
print("OK")
