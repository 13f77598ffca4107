"""Questions, answers and reasons made from drawn scenes, and whether a reason is true of one."""
