"""walk_forward"""
