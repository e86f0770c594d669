#!/bin/sh
# Makes a Python environment with the packages of a requirements file; again only when that changed.
#   scripts/venv.sh FOLDER REQUIREMENTS
set -eu
folder=$1 requirements=$2
installed=$folder/installed.txt

if cmp -s "$requirements" "$installed" && "$folder/bin/python" -c '' 2>/dev/null; then exit 0; fi
echo "Making $folder from $requirements"
rm -rf "$folder"
python3 -m venv "$folder" >"$folder.log" 2>&1 &&
  "$folder/bin/python" -m pip install --quiet --no-input --disable-pip-version-check \
    --retries 2 --timeout 20 --prefer-binary -r "$requirements" >>"$folder.log" 2>&1 </dev/null || {
  echo "error: the Python packages of $requirements could not be installed:" >&2
  tail -n 5 "$folder.log" >&2
  echo "  $folder.log has the rest; is https://pypi.org within reach?" >&2
  exit 1
}
cp "$requirements" "$installed"
