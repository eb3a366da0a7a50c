"""Writes the fixtures beside this file with the libraries that others write such files with.

python generate.py        (needs pyarrow, duckdb and polars)

types_*.parquet           a column of every type that is read, three rows: smallest or odd, ordinary, null
fallback.parquet          text that outgrows its dictionary in the middle of a column chunk, several row groups
<compression>_v?.parquet  the same 1,000 rows under each compression, data pages of version 1 and 2
delta.parquet             the same under the encodings that are neither plain nor by dictionary
nested.parquet            a list, a struct and a plain column
duckdb.parquet, polars.parquet   the 1,000 rows as other writers lay them out
"""

import datetime as dt
import decimal
import pathlib
import uuid

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
UTC = dt.timezone.utc


def column(typ, low, mid):
    return pa.array([low, mid, None], typ)


def types():
    ts = lambda unit, tz=None: pa.timestamp(unit, tz)
    early, late = dt.datetime(1969, 12, 31, 23, 59, 59, 999000), dt.datetime(2026, 11, 20, 10, 15, 0, 123000)
    columns = {
        "boolean": column(pa.bool_(), False, True),
        "int8": column(pa.int8(), -128, 7),
        "int16": column(pa.int16(), -32768, 7),
        "int32": column(pa.int32(), -(2**31), 7),
        "int64": column(pa.int64(), -(2**63), 7),
        "uint8": column(pa.uint8(), 255, 7),
        "uint16": column(pa.uint16(), 65535, 7),
        "uint32": column(pa.uint32(), 2**32 - 1, 7),
        "uint64": column(pa.uint64(), 2**64 - 1, 7),
        "float": column(pa.float32(), -1.5, 0.25),
        "double": column(pa.float64(), -1e300, 0.1),
        "date": column(pa.date32(), dt.date(1969, 12, 31), dt.date(2026, 11, 20)),
        "ms_utc": column(ts("ms", "UTC"), early.replace(tzinfo=UTC), late.replace(tzinfo=UTC)),
        "us_utc": column(ts("us", "UTC"), early.replace(tzinfo=UTC), late.replace(tzinfo=UTC)),
        "ns_utc": column(ts("ns", "UTC"), early.replace(tzinfo=UTC), late.replace(tzinfo=UTC)),
        "us_local": column(ts("us"), early, late),
        "text": column(pa.string(), "", "Zoë – 漢字 🙂"),
        "bytes": column(pa.binary(), b"\x00\xff", b"abc"),
        "fixed": column(pa.binary(3), b"\x00\x01\x02", b"abc"),
        "decimal_18_0": column(pa.decimal128(18, 0), decimal.Decimal(-(10**18) + 1), decimal.Decimal(7)),
        "decimal_9_0": column(pa.decimal128(9, 0), decimal.Decimal(-999999999), decimal.Decimal(7)),
        "decimal_5_2": column(pa.decimal128(5, 2), decimal.Decimal("-0.05"), decimal.Decimal("12.50")),
        "decimal_38_4": column(pa.decimal128(38, 4), decimal.Decimal("-" + "9" * 34 + ".9999"), decimal.Decimal("7.0000")),
        "time": column(pa.time64("us"), dt.time(0), dt.time(12)),
    }
    table = pa.table(columns)
    for dictionary in (True, False):
        pq.write_table(table, HERE / f"types_{'dictionary' if dictionary else 'plain'}.parquet",
                       use_dictionary=dictionary, compression="zstd", write_page_checksum=True)
    old = pa.table({"int96": columns["us_local"], "int8": columns["int8"]})
    pq.write_table(old, HERE / "int96.parquet", use_deprecated_int96_timestamps=True)
    duckdb.execute("create type enum_t as enum ('x', 'y')")
    duckdb.execute(f"""copy (select * from (values
        (uuid '00112233-4455-6677-8899-aabbccddeeff', 'x'::enum_t, '{{"a":1}}'::json, 12345678901234567890::hugeint),
        (null, null, null, null)) t(id, enum, json, huge)) to '{HERE}/duckdb_types.parquet' (format parquet)""")


def rows(n):
    return pa.table({
        "id": pa.array([f"event-{i:06d}" for i in range(n)]),
        "kind": pa.array([None if i % 7 == 0 else f"kind {i % 5}" for i in range(n)]),
        "n": pa.array([None if i % 11 == 0 else i for i in range(n)], pa.int64()),
        "at": pa.array([1_700_000_000_000_000 + i * 1_000_003 for i in range(n)], pa.timestamp("us", "UTC")),
        "yes": pa.array([i % 3 == 0 for i in range(n)]),
    })


def layouts():
    table = rows(1000)
    for compression in ("none", "snappy", "gzip", "zstd", "lz4", "brotli"):
        for version in ("1.0", "2.0"):
            pq.write_table(table, HERE / f"{compression}_v{version[0]}.parquet", compression=compression,
                           data_page_version=version, data_page_size=2000, row_group_size=400, write_page_checksum=True)
    encodings = {"id": "DELTA_BYTE_ARRAY", "kind": "DELTA_LENGTH_BYTE_ARRAY", "n": "DELTA_BINARY_PACKED",
                 "at": "BYTE_STREAM_SPLIT", "yes": "RLE"}
    pq.write_table(table, HERE / "delta.parquet", use_dictionary=False, column_encoding=encodings, data_page_version="2.0")
    polars.from_arrow(table).write_parquet(HERE / "polars.parquet")
    duckdb.register("rows", table)
    duckdb.execute(f"copy (from rows) to '{HERE}/duckdb.parquet' (format parquet)")
    pq.write_table(rows(3000), HERE / "fallback.parquet", dictionary_pagesize_limit=4096, data_page_size=1500,
                   row_group_size=1300, write_batch_size=100, compression="zstd")
    nested = pa.table({"list": pa.array([[1, 2], None]), "plain": pa.array(["a", "b"]),
                       "struct": pa.array([{"x": 1}, {"x": None}])})
    pq.write_table(nested, HERE / "nested.parquet")


types()
layouts()
