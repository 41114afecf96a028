/* What the program in the kernel, retransmits.bpf.c, and kernel_events.cc tell each other. C, as
   the first is: plain data, each field at its natural place. */
#pragma once

#include <stdint.h>  // NOLINT(modernize-deprecated-headers)

enum {
  kProcessNameSize = 16, /* as the kernel keeps it, with its NUL */
  kCgroupNameSize = 256,
};

/* Of which sockets' retransmissions a count is. */
struct RetransmitRecord {
  uint8_t peer[16]; /* in network order, IPv4 as ::ffff:a.b.c.d */
  char process[kProcessNameSize];
  uint64_t cgroup; /* 0: unknown */
  uint32_t state;  /* the kernel's number for it */
  uint32_t turn;   /* SharedWithKernel::turn at that time */
};

/* A cgroup, by its number. */
struct CgroupRecord {
  uint64_t parent; /* 0 for the root, whose name says nothing */
  char name[kCgroupNameSize];
};

struct SharedWithKernel {
  uint64_t missed;     /* segments that found no room; the kernel adds */
  uint32_t turn;       /* goes on: counts of earlier ones are ours to take away */
  uint32_t unresolved; /* the kernel sets it when it met a socket whose holder is not known */
};
