#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <seccomp.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/util.h"
#include "tool/syscalls.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

/* Ways into other processes, the kernel, and other views of the system. */
static const char *const refused[] = {
	"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp",
	"process_madvise",
	"mount", "umount", "umount2", "mount_setattr", "open_tree", "move_mount",
	"fsopen", "fsconfig", "fsmount", "fspick", "pivot_root", "chroot",
	"setns", "open_by_handle_at", "quotactl", "quotactl_fd",
	"kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff",
	"init_module", "finit_module", "delete_module", "create_module",
	"bpf", "perf_event_open", "userfaultfd", "lookup_dcookie",
	"keyctl", "add_key", "request_key",
	"acct", "iopl", "ioperm", "syslog", "vhangup", "fanotify_init",
	"settimeofday", "clock_settime", "clock_adjtime", "adjtimex",
	"sethostname", "setdomainname", "nfsservctl", "_sysctl",
};

/* Programs have another way when these do not exist. */
static const char *const absent[] = {
	"clone3",	/* its flags are in memory, where no filter can look */
	"io_uring_setup", "io_uring_enter", "io_uring_register",
};

static const uint64_t namespaces[] = {
	CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER,
	CLONE_NEWPID, CLONE_NEWNET,
};

/* Kinds of sockets with a network; without one only unix sockets. */
static const int families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

static int
refuse_all(scmp_filter_ctx f, const char *const *names, size_t n, int error)
{
	for (size_t i = 0; i < n; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);

		/* Below 0: not on this machine, or unknown to the library. */
		if (nr >= 0 && seccomp_rule_add(f,
		    SCMP_ACT_ERRNO((uint16_t)error), nr, 0) < 0)
			return -1;
	}
	return 0;
}

static int
refuse_namespaces(scmp_filter_ctx f)
{
	for (size_t i = 0; i < COUNT(namespaces); i++) {
		uint64_t bit = namespaces[i];

		if (seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
		    SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit)) < 0 ||
		    seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare),
		    1, SCMP_A0(SCMP_CMP_MASKED_EQ, bit, bit)) < 0)
			return -1;
	}
	/* In clone(2) this bit belongs to the exit signal. */
	return seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(unshare), 1,
	    SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_NEWTIME, CLONE_NEWTIME));
}

/* No typing into somebody's terminal. */
static int
refuse_ioctls(scmp_filter_ctx f)
{
	static const uint64_t requests[] = { TIOCSTI, TIOCLINUX, TIOCSETD };

	for (size_t i = 0; i < COUNT(requests); i++)
		if (seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
		    SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffff, requests[i])) < 0)
			return -1;
	return 0;
}

/* Every family but these: each gap between two neighbours is one rule. */
static int
refuse_sockets(scmp_filter_ctx f, bool network)
{
	size_t n = network ? COUNT(families) : 1;
	uint64_t from = 0;

	for (size_t i = 0; i < n; i++) {
		for (uint64_t v = from; v < (uint64_t)families[i]; v++)
			if (seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM),
			    SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_EQ, v, 0)) < 0)
				return -1;
		from = (uint64_t)families[i] + 1;
	}
	return seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1,
	    SCMP_A0(SCMP_CMP_GE, from, 0));
}

/* The library writes programs to descriptors only. */
static int
export_program(scmp_filter_ctx f, struct sock_fprog *out, struct err *e)
{
	struct buf b = BUF_INIT;
	int fd, rc = -1;

	fd = memfd_create("filter", MFD_CLOEXEC);
	if (fd < 0 || seccomp_export_bpf(f, fd) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
		err_sys(e, E_INTERNAL_ERROR, "sandbox: seccomp");
		goto done;
	}
	if (fs_read_fd(fd, 1 << 20, &b, e) < 0)
		goto done;
	out->len = (unsigned short)(b.n / sizeof *out->filter);
	out->filter = xmalloc(b.n);
	memcpy(out->filter, b.p, b.n);
	rc = 0;
done:
	if (fd >= 0)
		close(fd);
	buf_free(&b);
	return rc;
}

int
syscalls_filter(bool network, struct sock_fprog *out, struct err *e)
{
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int rc = -1;

	/* Foreign ABIs have other numbers: they get nothing. */
	if (!f || seccomp_attr_set(f, SCMP_FLTATR_ACT_BADARCH,
	    SCMP_ACT_ERRNO(ENOSYS)) < 0 ||
	    refuse_all(f, refused, COUNT(refused), EPERM) < 0 ||
	    refuse_all(f, absent, COUNT(absent), ENOSYS) < 0 ||
	    refuse_namespaces(f) < 0 || refuse_ioctls(f) < 0 ||
	    refuse_sockets(f, network) < 0)
		err_set(e, E_INTERNAL_ERROR, "sandbox: cannot make the system "
		    "call filter");
	else
		rc = export_program(f, out, e);
	if (f)
		seccomp_release(f);
	return rc;
}

bool
syscalls_supported(void)
{
	/* EFAULT: it would have looked at a program (seccomp(2), prctl form). */
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) < 0 &&
	    errno == EFAULT;
}
