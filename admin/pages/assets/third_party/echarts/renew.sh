#!/bin/sh
# Fetches a version of Apache ECharts with npm and puts the file that pages load, and all licences, here.
set -eu
version=${1:?usage: renew.sh VERSION, such as 6.1.0}
here=$(cd "$(dirname "$0")" && pwd)
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
cd "$temp"
npm install --silent --no-save --ignore-scripts --no-audit --no-fund "echarts@$version"
cd node_modules
cp echarts/dist/echarts.common.min.js echarts/LICENSE echarts/NOTICE "$here/"
cp echarts/licenses/LICENSE-d3 "$here/LICENSE-d3"
cp zrender/LICENSE "$here/LICENSE-zrender"
cp tslib/LICENSE.txt "$here/LICENSE-tslib"
cd "$here"
sha256sum echarts.common.min.js >SHA256SUMS
sed -i "s/version [0-9][0-9.]*,/version $version,/" README.md
