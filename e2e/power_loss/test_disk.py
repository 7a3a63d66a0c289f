"""Proves the forgetful disk itself: synced writes survive a SIGKILL with loss, unsynced ones do not."""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import unittest

from disk import Disk, compile_library


class DiskTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="baton-disk-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.library = compile_library(cls.folder)

    def killed(self, program, lose=True):
        """Runs a program in a new data directory, kills it when it has said that it is done, loses what was not
        synced, and returns the disk."""
        disk = Disk(tempfile.mkdtemp(dir=self.folder), self.library)
        prelude = "import os, sys, threading\nRW = os.O_RDWR | os.O_CREAT\n"
        end = "\nprint('done', flush=True)\nsys.stdin.read()\n"
        process = subprocess.Popen(
            [sys.executable, "-c", prelude + textwrap.dedent(program) + end],
            cwd=disk.data,
            env=disk.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        try:
            self.assertEqual(process.stdout.readline(), b"done\n", "the program failed")
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
            process.stdin.close()
            process.stdout.close()
        if lose:
            disk.lose_unsynced()
        return disk

    def content_after(self, program, lose=True):
        return (self.killed(program, lose).data / "a").read_bytes()

    WRITE_SYNC_WRITE = "f = os.open('a', RW); os.write(f, b'kept'); os.fsync(f); os.write(f, b'lost')"

    def test_what_was_written_after_the_last_sync_is_gone(self):
        self.assertEqual(self.content_after(self.WRITE_SYNC_WRITE), b"kept")

    def test_a_kill_alone_loses_nothing(self):
        self.assertEqual(self.content_after(self.WRITE_SYNC_WRITE, lose=False), b"keptlost")

    def test_fdatasync_keeps_too(self):
        self.assertEqual(self.content_after("f = os.open('a', RW); os.write(f, b'kept'); os.fdatasync(f)"), b"kept")

    def test_a_file_never_synced_is_empty(self):
        self.assertEqual(self.content_after("f = os.open('a', RW); os.write(f, b'lost')"), b"")

    def test_overwritten_bytes_come_back_newest_first(self):
        self.assertEqual(
            self.content_after("""
                f = os.open('a', RW); os.write(f, b'0123456789'); os.fsync(f)
                os.pwrite(f, b'AAAA', 2); os.pwrite(f, b'BB', 3); os.pwrite(f, b'beyond', 20)
            """),
            b"0123456789",
        )

    def test_nothing_grows_on_a_full_disk(self):
        self.assertEqual(
            self.content_after("""
                f = os.open('a', RW); os.write(f, b'01234567')
                open(os.environ['LOSE_UNSYNCED_FULL'], 'w').close()
                for grow in (lambda: os.pwrite(f, b'x', 8), lambda: os.write(f, b'x'), lambda: os.pwritev(f, [b'xx'], 7)):
                    try:
                        grow()
                    except OSError as error:
                        assert error.errno == 28, error
                    else:
                        sys.exit('it grew')
                os.pwrite(f, b'y', 7); os.fsync(f)
            """),
            b"0123456y",
        )

    def test_some_of_what_was_not_synced_may_be_kept_and_torn(self):
        program = """
            f = os.open('a', RW); os.write(f, b'0' * 4096); os.fsync(f)
            for n in range(1, 9): os.pwrite(f, b'%d' % n * 1024, (n - 1) * 512)
        """
        found = set()
        for seed in range(30):
            disk = self.killed(program, lose=False)
            self.assertEqual(disk.lose_unsynced(random.Random(seed)), 8)
            content = (disk.data / "a").read_bytes()
            sectors = [content[at : at + 512] for at in range(0, len(content), 512)]
            for number, sector in enumerate(sectors):
                self.assertEqual(len(set(sector)), 1, "a sector is written whole or not at all")
                self.assertIn(sector[:1], {b"0", b"%d" % number, b"%d" % (number + 1)})
            found.add(bytes(sector[0] for sector in sectors))
        self.assertGreater(len(found), 15)

    def test_a_write_that_fails_does_half_of_it(self):
        self.assertEqual(
            self.content_after("""
                f = os.open('a', RW); os.write(f, b'01234567')
                open(os.environ['LOSE_UNSYNCED_FAIL_WRITE'], 'w').close()
                for write in (lambda: os.pwrite(f, b'abcd', 4), lambda: os.pwritev(f, [b'xx'], 0)):
                    try:
                        write()
                    except OSError as error:
                        assert error.errno == 5, error
                    else:
                        sys.exit('it did not fail')
                os.fsync(f)
            """),
            b"0123ab67",
        )

    def test_what_a_failed_sync_lost_no_later_sync_brings_back(self):
        self.assertEqual(
            self.content_after("""
                f = os.open('a', RW); os.write(f, b'kept'); os.fsync(f); os.write(f, b'lost')
                open(os.environ['LOSE_UNSYNCED_FAIL_SYNC'], 'w').close()
                try:
                    os.fsync(f)
                except OSError as error:
                    assert error.errno == 5, error
                else:
                    sys.exit('it did not fail')
                os.unlink(os.environ['LOSE_UNSYNCED_FAIL_SYNC']); os.fsync(f)
            """),
            b"kept",
        )

    def test_truncation_is_a_write(self):
        for cut in ("os.ftruncate(f, 2)", "os.open('a', os.O_RDWR | os.O_TRUNC)", "os.truncate(f, 0)", "os.truncate('a', 0)"):
            with self.subTest(cut):
                program = f"f = os.open('a', RW); os.write(f, b'whole'); os.fsync(f); {cut}"
                self.assertEqual(self.content_after(program), b"whole")

    def test_appending_and_vectored_writes_are_writes(self):
        self.assertEqual(
            self.content_after("""
                f = os.open('a', RW); os.write(f, b'kept'); os.fsync(f)
                g = os.open('a', os.O_WRONLY | os.O_APPEND); os.write(g, b'x'); os.writev(g, [b'y', b'z'])
                os.pwritev(f, [b'p', b'q'], 1)
            """),
            b"kept",
        )

    def test_a_duplicated_descriptor_in_another_thread_is_the_same_file(self):
        self.assertEqual(
            self.content_after("""
                f = os.open('a', RW); g = os.dup(f)
                def other(): os.write(g, b'kept'); os.fsync(f); os.write(g, b'lost')
                thread = threading.Thread(target=other); thread.start(); thread.join()
            """),
            b"kept",
        )

    def test_a_renamed_file_still_loses_what_was_not_synced(self):
        disk = self.killed("""
            f = os.open('b', RW); os.write(f, b'kept'); os.fsync(f); os.write(f, b'lost'); os.rename('b', 'a')
        """)
        self.assertEqual((disk.data / "a").read_bytes(), b"kept")

    def test_a_sync_of_one_file_keeps_nothing_of_another(self):
        disk = self.killed("""
            f = os.open('a', RW); g = os.open('b', RW); os.write(f, b'lost'); os.write(g, b'kept'); os.fsync(g)
        """)
        self.assertEqual((disk.data / "a").read_bytes(), b"")
        self.assertEqual((disk.data / "b").read_bytes(), b"kept")

    def test_files_elsewhere_are_left_alone(self):
        disk = self.killed("f = os.open('../elsewhere', RW); os.write(f, b'stays')")
        self.assertEqual((disk.data.parent / "elsewhere").read_bytes(), b"stays")

    def test_a_new_file_does_not_inherit_from_a_removed_one_that_had_its_inode(self):
        # File systems hand a free inode to the next new file, most of them at once; one that does not skips this.
        disk = self.killed("""
            import mmap
            for n in range(1000):
                f = os.open('gone', RW); os.write(f, b'lost'); inode = os.fstat(f).st_ino
                os.close(f); os.unlink('gone')
                for name in ('a-shm', '../a'):
                    g = os.open(name, RW)
                    if os.fstat(g).st_ino == inode:
                        os.write(g, b'stays'); mmap.mmap(g, 5)[:] = b'STAYS'; os.rename(name, '../a')
                        print('done', flush=True); sys.stdin.read()
                    os.close(g); os.unlink(name)
            open('../a', 'w').write('STAYS')
        """)
        self.assertEqual((disk.data.parent / "a").read_bytes(), b"STAYS")

    def test_a_database_keeps_what_it_synced_and_loses_what_it_did_not(self):
        for synchronous, expected in (("FULL", 2), ("NORMAL", 1), ("OFF", 0)):
            with self.subTest(synchronous):
                disk = self.killed(f"""
                    import sqlite3
                    db = sqlite3.connect('db', isolation_level=None)
                    db.execute('PRAGMA synchronous = {synchronous}')
                    db.execute('PRAGMA journal_mode = WAL')
                    db.execute('CREATE TABLE t (n)')
                    db.execute('INSERT INTO t VALUES (1)')
                    db.execute('PRAGMA wal_checkpoint')
                    db.execute('INSERT INTO t VALUES (2)')
                """)
                count = "import sqlite3\ntry: print(sqlite3.connect('db').execute('SELECT COUNT(*) FROM t').fetchone()[0])\nexcept sqlite3.DatabaseError: print(0)"
                found = subprocess.run([sys.executable, "-c", count], cwd=disk.data, capture_output=True, check=True)
                self.assertEqual(int(found.stdout), expected)


if __name__ == "__main__":
    unittest.main()
