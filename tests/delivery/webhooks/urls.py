"""URLs that would lead a careless client to this machine, and names that a stub resolves to such addresses."""

# {port}: where a canary listens on 127.0.0.1 and ::1.
HOSTS = [
    *("127.0.0.1", "127.0.0.2", "127.1", "127.0.1", "127.255.255.254", "0.0.0.0", "0", "0.0.0.1"),
    *("2130706433", "017700000001", "0x7f000001", "0x7F.0x0.0x0.0x1", "0177.0.0.1", "0177.0.0.01", "0x7f.1"),
    *("127.000.000.001", "00000177.0.0.1", "0x000000007f.0.0.1", "4294967295", "6425673729", "127.0.0.1."),
    *(
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[::7f00:1]",
    ),
    *("[0:0:0:0:0:ffff:7f00:0001]", "[64:ff9b::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]"),
    *("[2002:7f00:1::]", "[2002:7f00:0001::1]", "[2001:0:7f00:1::]", "[2001::1]", "[fec0::1]", "[fe80::1]"),
    *("[fe80::1%25lo]", "[fc00::1]", "[fd00::1]", "[ff02::1]", "[2001:db8::1]", "[3fff::1]", "[100::1]"),
    *("10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1"),
    *("192.88.99.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
    *(
        "localhost",
        "LOCALHOST",
        "localhost.",
        "one.test",
        "six.test",
        "mapped.test",
        "some.test",
        "nat64.test",
    ),
    *("metadata.test", "127.0.0.1.nip.test", "zero.test", "teredo.test", "site.test"),
    *("①②⑦.⓪.⓪.①", "127。0。0。1", "ⓛocalhost", "127%2e0%2e0%2e1", "%31%32%37.0.0.1"),
]
URLS = [
    *(f"https://{host}:{{port}}/hook" for host in HOSTS),
    *(
        "http://127.0.0.1:{port}/",
        "http://one.test:{port}/",
        "http://[::1]:{port}/",
        "http://public.test:{port}/",
    ),
    *(
        "https://user@127.0.0.1:{port}/",
        "https://public.test@127.0.0.1:{port}/",
        "https://u:p@one.test:{port}/",
    ),
    *("https://public.test:443@127.0.0.1:{port}/", "https://127.0.0.1:{port}@one.test:{port}/"),
    *("https://public.test\\@127.0.0.1:{port}/", "https://127.0.0.1:{port}\\@public.test/"),
    *("https://127.0.0.1:{port}#@public.test/", "https://public.test#@127.0.0.1:{port}/"),
    *(
        "https://127.0.0.1\t:{port}/",
        "https://127.0.0.1\n:{port}/",
        " https://127.0.0.1:{port}/",
        "https:// one.test/",
    ),
    *("https:127.0.0.1:{port}/", "https:/127.0.0.1:{port}/", "//127.0.0.1:{port}/", "///127.0.0.1:{port}/"),
    *("ftp://127.0.0.1:{port}/", "gopher://127.0.0.1:{port}/_x", "file:///etc/passwd", "javascript:alert(1)"),
    *(
        "https://[127.0.0.1]:{port}/",
        "https://[::1:{port}/",
        "https://::1:{port}/",
        "https://127.0.0.1:{port}:443/",
    ),
    *(
        "https://127.0.0.1:0{port}/",
        "https://127.0.0.1:+{port}/",
        "https://127.0.0.1:{port}x/",
        "https://:{port}/",
    ),
]
NAMES = {
    "one.test": ["127.0.0.1"],
    "six.test": ["::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "some.test": ["93.184.215.14", "127.0.0.1"],  # a public one first
    "nat64.test": ["64:ff9b::7f00:1"],
    "metadata.test": ["169.254.169.254"],
    "127.0.0.1.nip.test": ["127.0.0.1"],
    "zero.test": ["0.0.0.0"],
    "teredo.test": ["2001:0:7f00:1::"],
    "site.test": ["fec0::1"],
    "public.test": ["127.0.0.1"],
}
