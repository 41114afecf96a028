#!/usr/bin/env python3
"""Proves on made-up trees that check_walls.py finds what it should, and nothing else."""

import tempfile
import unittest
from pathlib import Path

import check_walls

SOUND = {
    "analyzer/shard.h": '#include <chrono>\n#include <vector>\n#include "analyzer/units.h"\n',
    "capture/pcap_source.cc": '#include <pcap.h>\n#include <mutex>\n#include "analyzer/frame.h"\n',
    "capture/bounded_queue.h": "#include <concurrentqueue/concurrentqueue.h>\n",
    "metrics/http_server.cc": '#include <microhttpd.h>\n#include "analyzer/snapshot.h"\n',
    "analyzer/zeroed_memory.cc": "#include <sys/mman.h>\n",
    "app/config_file.cc": "#include <yaml-cpp/yaml.h>\n",
    "app/top/board.cc": "#include <nlohmann/json.hpp>\n",
    "app/top/terminal.cc": "#include <curses.h>\n#include <term.h>\n",
    "metrics/web_config.cc": "#include <yaml-cpp/yaml.h>\n",
    "metrics/basic_auth.cc": "#include <crypt.h>\n#include <gnutls/crypto.h>\n",
    "app/main.cc": '#include <CLI/CLI.hpp>\n#include "capture/a.h"\n#include "metrics/a.h"\n',
}


class CheckWalls(unittest.TestCase):
    def breaches(self, path=None, text=""):
        """What is found in the sound tree with one file added or replaced."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in {**SOUND, **({path: text} if path else {})}.items():
                file = Path(folder, name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
            return check_walls.check(Path(folder))

    def test_a_sound_tree_passes(self):
        self.assertEqual(self.breaches(), [])

    def test_an_empty_tree_fails(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(len(check_walls.check(Path(folder))), len(check_walls.ROOMS))

    def test_each_breach_is_found_at_its_line(self):
        for path, text in [
            ("analyzer/a.h", "#include <thread>"),
            ("analyzer/a.h", "#include <atomic>"),
            ("analyzer/a.h", "#include <iostream>"),
            ("analyzer/a.h", "#include <fstream>"),
            ("analyzer/a.h", "#include <sys/time.h>"),
            ("analyzer/a.h", "#include <sys/mman.h>"),
            ("analyzer/zeroed_memory.cc", "#include <sys/socket.h>"),
            ("analyzer/a.h", "#include <fmt/format.h>"),
            ("analyzer/a.h", '#  include "capture/pipeline.h"'),
            ("analyzer/a.h", '#include "units.h"'),
            ("analyzer/sub/a.cc", "auto t = std::chrono::steady_clock::now();"),
            ("capture/a.cc", '#include "metrics/http_server.h"'),
            ("capture/a.cc", '#include "app/options.h"'),
            ("capture/a.cc", "#include <pcap/pcap.h>"),
            ("capture/a.cc", "#include <concurrentqueue/blockingconcurrentqueue.h>"),
            ("capture/a.cc", "#include <prometheus/registry.h>"),
            ("capture/a.cc", "#include <spdlog/spdlog.h>"),
            ("app/top/model.cc", "#include <curses.h>"),
            ("app/top/renderer.cc", "#include <ncursesw/term.h>"),
            ("app/top/model.cc", "#include <nlohmann/json.hpp>"),
            ("metrics/a.cc", '#include "capture/pipeline.h"'),
            ("metrics/a.cc", '#include "app/options.h"'),
            ("metrics/a.cc", "#include <pcap.h>"),
            ("metrics/a.cc", "#include <yaml-cpp/yaml.h>"),
            ("metrics/web_config.h", "#include <yaml-cpp/yaml.h>"),
            ("capture/a.cc", "#include <yaml-cpp/yaml.h>"),
            ("metrics/a.cc", "#include <gnutls/gnutls.h>"),
            ("metrics/a.cc", "#include <crypt.h>"),
            ("app/a.cc", "#include <zlib.h>"),
            ("app/a.cc", "#include <pcap.h>"),
            ("app/a.cc", "#include <yaml-cpp/yaml.h>"),
            ("app/a.cc", "#include <microhttpd.h>"),
            ("app/a.cc", '#include "tests/support/frame_builder.h"'),
        ]:
            with self.subTest(path=path, text=text):
                found = self.breaches(path, "// A comment.\n" + text + "\n")
                self.assertEqual(len(found), 1, found)
                self.assertTrue(found[0].startswith(f"{path}:2: "), found)


if __name__ == "__main__":
    unittest.main()
