#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <seccomp.h>

#include "base/proc.h"
#include "tool/landlock.h"
#include "tool/sandbox.h"
#include "tool/syscalls.h"
#include "toolrig.h"

/* Landlock of at least that version, and seccomp. */
static bool
able(int version)
{
	if (landlock_version() >= version && syscalls_supported())
		return true;
	printf("# skipped: Landlock version %d here, %d wanted%s\n",
	    landlock_version(), version,
	    syscalls_supported() ? "" : ", no seccomp filters");
	return false;
}

/* A root, a file "victim" beside it, and a home with a key in it. */
static void
rig_box(struct rig *g, enum sandbox_mode mode, bool network)
{
	static const char *const files[] = { "victim", "home/.ssh/id",
	    "home/.config/gh/hosts", "home/.config/other", "home/notes" };
	char *home;

	rig_init(g, "{\"shell\":{\"program\":\"bash\"}}");
	home = fs_join(g->dir, "home");
	setenv("HOME", home, 1);
	setenv("OUT", g->dir, 1);
	free(home);
	for (size_t i = 0; i < COUNT(files); i++) {
		char *path = fs_join(g->dir, files[i]);
		char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));

		OK(fs_mkdirs(dir, 0755, NULL) == 0);
		OK(fs_write_atomic(path, "secret\n", 7, 0644, NULL) == 0);
		free(dir);
		free(path);
	}
	g->env.sandbox = mode;
	g->env.network = network;
	rig_open(g);
}

/* Run a command; its exit code, stdout in g->text's JSON. */
static int
sh(struct rig *g, const char *command)
{
	char *args = xasprintf("{\"command\":\"%s\"}", command), *code;
	int n;

	call(g, "shell", args);
	if (g->r.is_error)
		printf("# %s: %s\n", command, g->text);
	code = got(g, "exit_code");
	n = atoi(code);
	free(code);
	free(args);
	return n;
}

TEST(workspace_writes_only_inside)
{
	static const char *const evil[] = {
		"echo x > $OUT/new", "echo x >> $OUT/victim", "rm $OUT/victim",
		"mv $OUT/victim stolen", "mv in $OUT/", "mkdir $OUT/d",
		"ln -s x $OUT/l", "ln in $OUT/hard", "mkfifo $OUT/p",
		"echo x > $HOME/.bashrc", "cp in /tmp/rkat-escape",
		"cd .. && echo x > here", "ln -s $OUT up && echo x > up/new",
	};
	struct rig g;
	char *tmp, *victim;

	if (!able(2))
		return;
	rig_box(&g, SANDBOX_WORKSPACE, false);
	OK(sh(&g, "echo x > in && mkdir -p a/b && mv in a/b/ && mv a/b/in in") ==
	    0);
	OK(sh(&g, "echo x > /dev/null && echo x > $TMPDIR/t && cat $TMPDIR/t && "
	    "echo $TMPDIR") == 0);
	tmp = got(&g, "stdout");
	tmp[strlen(tmp) - 1] = '\0';
	for (size_t i = 0; i < COUNT(evil); i++) {
		OK(sh(&g, evil[i]) != 0);
		victim = fs_join(g.dir, "new");
		OK(!fs_exists(victim));
		free(victim);
	}
	if (able(3))
		OK(sh(&g, "truncate -s 0 $OUT/victim") != 0);
	victim = fs_join(g.dir, "victim");
	OK(sh(&g, "cat $OUT/victim /etc/passwd > /dev/null") == 0);
	OK(fs_exists(victim) && fs_exists(tmp + 2));
	toolbox_free(g.box);
	g.box = NULL;
	OK(!fs_exists(tmp + 2));
	free(victim);
	free(tmp);
	rig_free(&g);
}

TEST(workspace_does_not_read_credentials)
{
	struct rig g;

	if (!able(1))
		return;
	rig_box(&g, SANDBOX_WORKSPACE, false);
	OK(sh(&g, "cat $HOME/notes $HOME/.config/other") == 0);
	OK(sh(&g, "cat $HOME/.ssh/id") != 0);
	OK(sh(&g, "cat $HOME/.config/gh/hosts") != 0);
	OK(sh(&g, "ln -s $HOME/.ssh/id key; cat key") != 0);
	rig_free(&g);
}

TEST(strict_reads_only_inside_and_where_programs_are)
{
	struct rig g;

	if (!able(2))
		return;
	rig_box(&g, SANDBOX_STRICT, false);
	OK(sh(&g, "echo x > in && cat in && ls / > /dev/null; ls -l /usr/bin "
	    "/etc/passwd | tail -1 && sort < in && cat <(echo sub)") == 0);
	OK(sh(&g, "head -c1 /proc/self/stat >/dev/null; cat < /proc/meminfo | "
	    "head -1") == 0);
	OK(sh(&g, "cat $OUT/victim") != 0);
	OK(sh(&g, "cat $HOME/notes") != 0);
	OK(sh(&g, "ls $OUT") != 0);
	OK(sh(&g, "cat /etc/shadow") != 0);
	OK(sh(&g, "cat /proc/1/cmdline") != 0);
	OK(sh(&g, "echo x > $OUT/new") != 0);
	OK(sh(&g, "cp /bin/true . && ./true") == 0);
	rig_free(&g);
}

TEST(the_network_is_off_unless_granted)
{
	struct rig g;

	if (!able(1))
		return;
	rig_box(&g, SANDBOX_WORKSPACE, false);
	OK(sh(&g, ": < /dev/tcp/127.0.0.1/1") != 0);
	OK(strstr(g.text, "Operation not permitted") != NULL);
	rig_free(&g);
	rig_box(&g, SANDBOX_WORKSPACE, true);
	OK(sh(&g, ": < /dev/tcp/127.0.0.1/1") != 0);
	OK(strstr(g.text, "Connection refused") != NULL);
	rig_free(&g);
}

TEST(processes_outside_are_out_of_reach)
{
	struct rig g;

	if (!able(6))
		return;
	rig_box(&g, SANDBOX_WORKSPACE, false);
	OK(sh(&g, "sleep 50 & kill $!") == 0);
	OK(sh(&g, "kill -9 $PPID") != 0);
	OK(sh(&g, "cat /proc/$PPID/environ") != 0);
	rig_free(&g);
}

TEST(without_a_sandbox_nothing_is_limited)
{
	struct rig g;

	rig_box(&g, SANDBOX_OFF, false);
	OK(sh(&g, "echo x > $OUT/new && cat $HOME/.ssh/id") == 0);
	rig_free(&g);
}

/* ---- older kernels: the calls are taken away ---- */

/* Run fn in a child where these system calls do not exist. */
static void
without(const char *const *calls, void (*fn)(void))
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);

		for (; *calls; calls++)
			seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS),
			    seccomp_syscall_resolve_name(*calls), 0);
		if (seccomp_load(f) < 0)
			_exit(99);
		seccomp_release(f);
		test_bad = 0;
		fn();
		fflush(stdout);
		_exit(test_bad != 0);
	}
	waitpid(pid, &status, 0);
	OK(status == 0);
}

static void
no_landlock(void)
{
	struct rig g;
	char *said;
	int fd;

	rig_box(&g, SANDBOX_WORKSPACE, false);
	said = fs_join(g.root, "said");
	fd = open(said, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	OK(fd >= 0 && dup2(fd, 2) == 2);
	OK(sh(&g, "echo x > $OUT/new") == 0);
	OK(sh(&g, ": < /dev/tcp/127.0.0.1/1") != 0);
	OK(strstr(g.text, "Operation not permitted") != NULL);
	free(said);
	said = file_text(&g, "said");
	STR_IS(said, "rkat: sandbox: this kernel lacks Landlock (Linux 5.13): "
	    "files are not protected\n");
	free(said);
	g.env.sandbox_required = true;
	call(&g, "shell", "{\"command\":\"ls\"}");
	SAME(refused(&g, "execution_failed"), "Tool execution failed: IO error: a "
	    "sandbox is required, but this kernel lacks Landlock (Linux 5.13): "
	    "files are not protected");
	rig_free(&g);
}

TEST(a_missing_feature_is_named_and_degrades_or_refuses)
{
	static const char *const calls[] = { "landlock_create_ruleset", NULL };

	if (able(1))
		without(calls, no_landlock);
}

static void
old_kernel(void)
{
	struct rig g;
	char *a, *b;

	rig_box(&g, SANDBOX_OFF, false);
	OK(sh(&g, "echo x > in; ls /proc/self/fd | wc -l") == 0);
	SAME(got(&g, "stdout"), "4\n");
	STR_IS(call(&g, "read_file", "{\"path\":\"in\"}"), "x\n");
	a = fs_join(g.dir, "victim");
	b = fs_join(g.root, "link");
	OK(symlink(a, b) == 0);
	call(&g, "read_file", "{\"path\":\"link\"}");
	OK(g.r.is_error);
	OK(sh(&g, "rm link; ln -s .. up; mkdir d; echo y > d/f") == 0);
	STR_IS(call(&g, "read_file", "{\"path\":\"d/f\"}"), "y\n");
	call(&g, "read_file", "{\"path\":\"up/victim\"}");
	OK(g.r.is_error);
	call(&g, "apply_patch", "{\"patch\":\"*** Begin Patch\\n*** Update File: "
	    "d/f\\n-y\\n+z\\n*** Add File: e/g\\n+n\\n*** Delete File: in\\n"
	    "*** End Patch\"}");
	OK(!g.r.is_error);
	SAME(file_text(&g, "d/f"), "z\n");
	SAME(file_text(&g, "e/g"), "n\n");
	STR_IS(call(&g, "list_files", "{\"depth\":3}"),
	    "d/\nd/f\ne/\ne/g\nup\n");
	free(a);
	free(b);
	rig_free(&g);
}

TEST(older_kernels_do_with_less)
{
	static const char *const calls[] = { "openat2", "pidfd_open",
	    "close_range", "renameat2", NULL };

	if (able(1))
		without(calls, old_kernel);
}

/* ---- system calls, tried by a confined function ---- */

struct trial {
	struct sandbox *box;
	int (*attempt)(void);	/* 0: refused as it should be */
};

static int
confine(void *arg)
{
	return sandbox_confine(((struct trial *)arg)->box);
}

static int
run(void *arg)
{
	return ((struct trial *)arg)->attempt();
}

static int
attempts(void)
{
	static char stack[4096];
	int n = 1;

#define REFUSED(expr, error) do { \
	errno = 0; \
	if ((expr) != -1 || errno != (error)) \
		return n; \
	n++; } while (0)
	REFUSED(ptrace(PTRACE_TRACEME, 0, 0, 0), EPERM);
	REFUSED(unshare(CLONE_NEWUSER), EPERM);
	REFUSED(unshare(CLONE_NEWNS), EPERM);
	REFUSED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, stack, 0, 0, 0),
	    EPERM);
	REFUSED(syscall(SYS_clone3, NULL, 0), ENOSYS);
	REFUSED(syscall(SYS_io_uring_setup, 1, NULL), ENOSYS);
	REFUSED(mount("x", "/mnt", "tmpfs", 0, NULL), EPERM);
	REFUSED(chroot("/"), EPERM);
	REFUSED(syscall(SYS_bpf, 0, NULL, 0), EPERM);
	REFUSED(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3, 0), EPERM);
	REFUSED(syscall(SYS_userfaultfd, 0), EPERM);
	REFUSED(syscall(SYS_open_by_handle_at, -1, NULL, 0), EPERM);
	REFUSED(syscall(SYS_setns, -1, 0), EPERM);
	REFUSED(ioctl(0, TIOCSTI, "x"), EPERM);
	REFUSED(ioctl(0, (unsigned long)TIOCSTI | 1UL << 32, "x"), EPERM);
	REFUSED(socket(AF_INET, SOCK_STREAM, 0), EPERM);
	REFUSED(socket(AF_INET6, SOCK_DGRAM, 0), EPERM);
	REFUSED(socket(AF_NETLINK, SOCK_RAW, 0), EPERM);
	REFUSED(socket(AF_PACKET, SOCK_RAW, 0), EPERM);
	REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0), EPERM);
	REFUSED(socket(0, SOCK_STREAM, 0), EPERM);
	if (socket(AF_UNIX, SOCK_STREAM, 0) < 0)
		return n;
	return 0;
}

static int
with_network(void)
{
	int n = 1;

	if (socket(AF_INET, SOCK_STREAM, 0) < 0 ||
	    socket(AF_NETLINK, SOCK_RAW, 0) < 0 ||
	    socket(AF_UNIX, SOCK_STREAM, 0) < 0)
		return 100;
	REFUSED(socket(AF_PACKET, SOCK_RAW, 0), EPERM);
	REFUSED(socket(AF_VSOCK, SOCK_STREAM, 0), EPERM);
	REFUSED(socket(3, SOCK_STREAM, 0), EPERM);
	REFUSED(socket(0, SOCK_STREAM, 0), EPERM);
	return 0;
}

static void
try_calls(bool network, int (*attempt)(void))
{
	struct sandbox_spec spec = { .mode = SANDBOX_WORKSPACE,
	    .network = network, .root = "/tmp" };
	struct err e = ERR_NONE;
	struct trial t = { .box = sandbox_new(&spec, &e), .attempt = attempt };
	struct proc_spec p = { .run = run, .confine = confine, .arg = &t,
	    .in = -1, .out = 1, .err = 2 };
	int status = -1;
	pid_t pid;

	OK(t.box != NULL);
	OK(sandbox_arm(t.box, &e) == 0);
	OK(proc_spawn(&p, &pid, &e) == 0);
	if (e.code)
		printf("# %s\n", e.text);
	waitpid(pid, &status, 0);
	if (status)
		printf("# attempt %d went wrong\n", WEXITSTATUS(status));
	OK(status == 0);
	sandbox_free(t.box);
}

TEST(dangerous_system_calls_are_refused)
{
	if (!able(1))
		return;
	try_calls(false, attempts);
	try_calls(true, with_network);
}
